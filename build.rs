//! Gives every binary, test and benchmark of this package the run path of the native libraries.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SLIDESTREAM_NATIVE");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let native = env::var_os("SLIDESTREAM_NATIVE").map_or_else(|| root.join(".native"), PathBuf::from);
    // The first pair is for a packed folder (lib/ beside the binary), the second for this checkout.
    let mut run_path = vec!["$ORIGIN/lib".to_owned()];
    let torch = env::var_os("DEP_TCH_LIBTORCH_LIB").map_or_else(|| native.join("libtorch/lib"), PathBuf::from);
    for folder in [torch.as_path(), Path::new(&native.join("openslide/lib"))] {
        run_path.push(folder.display().to_string());
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", run_path.join(":"));
}
