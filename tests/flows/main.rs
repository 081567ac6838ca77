//! Whole flows, bad input and the rules of the house; one binary, because each more costs a link with libtorch.

mod architecture;
#[cfg(feature = "torch")]
mod classes;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "torch")]
mod configurations;
mod conformance;
#[cfg(feature = "torch")]
mod engine;
mod evaluate;
#[cfg(feature = "torch")]
mod fid;
#[cfg(feature = "torch")]
mod finetune;
#[cfg(feature = "openvino")]
mod foreign_model;
mod malformed;
#[cfg(feature = "torch")]
mod models;
#[cfg(feature = "torch")]
mod nuclei_model;
mod outline_validity;
#[cfg(feature = "torch")]
mod pack;
mod permits;
mod pipeline;
mod prepare;
#[cfg(feature = "torch")]
mod pretrain;
mod regions;
mod segment;
#[cfg(feature = "torch")]
mod segment_command;
mod slides;
#[cfg(feature = "torch")]
mod start;
#[cfg(feature = "torch")]
mod study;
mod tissue;
