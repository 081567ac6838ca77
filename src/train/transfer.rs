//! The account of what became of every tensor when a network took over weights.

use crate::error::{Error, Result};
use crate::file::write_bytes;
use crate::nn::place;
use serde::Serialize;
use std::path::Path;
use tch::Tensor;

/// What became of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Copied into the new network.
    Taken,
    /// Of the source only: not used.
    Skipped,
    /// Of the new network only: freshly drawn.
    New,
}

/// One tensor of the source or of the new network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// As in the files.
    pub name: String,
    /// Part of the network.
    pub module: String,
    /// `64x3x3x3`.
    pub shape: String,
    /// Numbers in it.
    pub numbers: usize,
    /// What became of it.
    pub fate: Fate,
    /// Why it was not taken.
    pub reason: String,
}

impl Account {
    pub(super) fn of(name: &str, tensor: &Tensor, fate: Fate, reason: &str) -> Self {
        let shape: Vec<String> = tensor.size().iter().map(i64::to_string).collect();
        let (module, reason) = (place::module(name).to_owned(), reason.to_owned());
        Self { name: name.to_owned(), module, shape: shape.join("x"), numbers: tensor.numel(), fate, reason }
    }
}

/// The account of all tensors, sorted by name: `transfer.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// One row a tensor and side.
    pub rows: Vec<Account>,
}

impl Transfer {
    /// Tensors and numbers of a fate.
    pub fn total(&self, fate: Fate) -> (usize, usize) {
        sum(self.rows.iter().filter(|row| row.fate == fate))
    }

    /// A table for people, one line a module, in the network's order.
    pub fn table(&self) -> String {
        const FATES: [Fate; 3] = [Fate::Taken, Fate::New, Fate::Skipped];
        let mut modules: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !modules.contains(&row.module.as_str()) {
                modules.push(&row.module);
            }
        }
        let order = ["init_conv", "time_mlp", "downs", "mid_block1", "mid_attn", "mid_block2", "ups", "final_conv"];
        let rank = |module: &str| order.iter().position(|o| module.split('.').next() == Some(o)).unwrap_or(order.len());
        modules.sort_by_key(|module| rank(module));
        let cells = |(tensors, numbers): (usize, usize)| match tensors {
            0 => format!("{:>4} {:>12}", "-", "-"),
            _ => format!("{tensors:>4} {:>12}", grouped(numbers)),
        };
        let line = |name: &str, of: &dyn Fn(Fate) -> (usize, usize)| {
            format!("  {name:<12}{}", FATES.map(|fate| format!("{}  ", cells(of(fate)))).concat()).trim_end().to_owned()
        };
        let head = format!("  {:<12}{:>17}  {:>17}  {:>17}", "tensors of", "taken", "new", "skipped");
        let rows = modules.iter().map(|module| {
            line(module, &|fate| sum(self.rows.iter().filter(|row| row.module == *module && row.fate == fate)))
        });
        let lines: Vec<String> = std::iter::once(head).chain(rows).collect();
        [lines.join("\n"), line("all", &|fate| self.total(fate))].join("\n")
    }

    /// `transfer.csv`, whole.
    ///
    /// # Errors
    /// The disk is full or not writable.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut file = csv::Writer::from_writer(Vec::new());
        for row in &self.rows {
            file.serialize(row).map_err(Error::compute("writing transfer.csv"))?;
        }
        let bytes = file.into_inner().map_err(|e| Error::io("write", path)(e.into_error()))?;
        write_bytes(path, &bytes)
    }
}

fn sum<'a>(rows: impl Iterator<Item = &'a Account>) -> (usize, usize) {
    rows.fold((0, 0), |(tensors, numbers), row| (tensors + 1, numbers + row.numbers))
}

/// `31,192,776`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap_or("")).collect();
    parts.join(",")
}
