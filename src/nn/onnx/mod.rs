//! Networks as ONNX files, which other runtimes read.

mod graph;
pub mod inspect;
mod layers;
mod messages;
#[cfg(test)]
pub(crate) mod samples;

use super::unet::{Stage, UNet};
use super::{layers::Result as TchResult, torch_error};
use crate::error::Result;
use graph::{Attribute, Element, Graph};
use tch::{Device, Kind};

/// What goes in and comes out of the file's graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ends {
    /// `pixels`, float32 `[N, 3, H, W]` in the network's input range, to `logits`, float32 `[N, classes, H, W]`.
    Logits,
    /// `pixels`, bytes `[N, H, W, 3]`, to `probabilities`, bytes `[N, classes, H, W]` in units of 1/255. Pixel values 0
    /// and 255 are mapped to the two numbers.
    Bytes([f32; 2]),
}

impl UNet {
    /// The network at its specification's step as an ONNX file: batch normalisation folded, time terms constant, float32.
    /// `[N, H, W]` are fixed where given. `properties` become the file's metadata.
    ///
    /// # Errors
    /// [`Error::Compute`](crate::error::Error::Compute) with libtorch's message.
    pub fn to_onnx(&self, ends: Ends, size: Option<[i64; 3]>, properties: &[(&str, String)]) -> Result<Vec<u8>> {
        let folded = self.folded(Kind::Float, Device::Cpu)?;
        let mut graph = Graph::default();
        folded.export(&mut graph, ends, size).map_err(torch_error("writing the network as ONNX"))?;
        Ok(graph.encode(
            "slidestream",
            "A segmentation network; 0 to 255 of RGB are mapped to `input.range`.",
            properties,
        ))
    }

    fn export(&self, graph: &mut Graph, ends: Ends, size: Option<[i64; 3]>) -> TchResult<()> {
        let [n, h, w] = match size {
            Some(size) => size.map(Ok),
            None => [Err("batch"), Err("height"), Err("width")],
        };
        let classes = Ok(self.out_channels());
        match ends {
            Ends::Logits => {
                graph.input("pixels", Element::F32, &[n, Ok(3), h, w]);
                let logits = self.layers(graph, "pixels")?;
                let _ = graph.node("Identity", "logits", &[&logits], &[]);
                graph.output("logits", Element::F32, &[n, classes, h, w]);
            }
            Ends::Bytes(range) => {
                graph.input("pixels", Element::U8, &[n, h, w, Ok(3)]);
                let x = layers::from_bytes(graph, "pixels", range);
                let logits = self.layers(graph, &x)?;
                let _ = layers::to_bytes(graph, &logits, "probabilities");
                graph.output("probabilities", Element::U8, &[n, classes, h, w]);
            }
        }
        Ok(())
    }

    /// The network between its ends, as [`UNet::logits`] computes it.
    fn layers(&self, graph: &mut Graph, x: &str) -> TchResult<String> {
        let join = |graph: &mut Graph, name: &str, x: &str, skip: &str| {
            graph.node("Concat", name, &[x, skip], &[Attribute::Int("axis", 1)])
        };
        let mut x = self.stem.export(graph, "init_conv", x)?;
        let mut skips = Vec::new();
        for (level, stage) in self.downs.iter().enumerate() {
            let name = format!("downs.{level}");
            x = stage.export(graph, &name, &x)?;
            skips.push(x.clone());
            x = stage.resized(graph, &name, x)?;
        }
        x = self.mid.0.export(graph, "mid_block1", &x)?;
        if let Some(attention) = &self.mid.1 {
            x = attention.export(graph, "mid_attn", &x)?;
        }
        x = self.mid.2.export(graph, "mid_block2", &x)?;
        for (level, stage) in self.ups.iter().enumerate() {
            let name = format!("ups.{level}");
            let skip = skips.pop().expect("one skip a level, and the decoder has a level less");
            x = join(graph, &format!("{name}.joined"), &x, &skip);
            x = stage.export(graph, &name, &x)?;
            x = stage.resized(graph, &name, x)?;
        }
        if self.spec().full_resolution_skip {
            let skip = skips.pop().expect("level 0 is left");
            x = join(graph, "final_conv.joined", &x, &skip);
        }
        x = self.head_block.export(graph, "final_conv.0", &x)?;
        self.head.export(graph, "final_conv.1", &x)
    }
}

impl Stage {
    fn export(&self, graph: &mut Graph, name: &str, x: &str) -> TchResult<String> {
        let x = self.blocks[0].export(graph, &format!("{name}.0"), x)?;
        let x = self.blocks[1].export(graph, &format!("{name}.1"), &x)?;
        match &self.attention {
            Some(attention) => attention.export(graph, &format!("{name}.2"), &x),
            None => Ok(x),
        }
    }

    fn resized(&self, graph: &mut Graph, name: &str, x: String) -> TchResult<String> {
        match &self.resize {
            Some(conv) => conv.export(graph, &format!("{name}.3"), &x),
            None => Ok(x),
        }
    }
}
