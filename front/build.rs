//! Gives the program the run path of OpenSlide.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SLIDESTREAM_NATIVE");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("..");
    let native = env::var_os("SLIDESTREAM_NATIVE").map_or_else(|| root.join(".native"), PathBuf::from);
    let native = native.canonicalize().unwrap_or(native);
    // The first is for a packed folder (lib/ beside the program), the second for this checkout.
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/lib:{}", native.join("openslide/lib").display());
}
