//! Puts an engine in place from its archive. It is here because Java has no zstd.

use crate::policy::Fault;
use jni::objects::{JClass, JObject, JString, JValue};
use jni::sys::jlong;
use jni::{Env, jni_sig, jni_str};
use slidestream::bundle;
use slidestream::engine::protocol::{Failure, FailureKind};
use std::path::Path;

/// Unpacks `archive` to `place`; `watch` is told bytes of the archive and says whether to go on.
pub fn install<'local>(
    env: &mut Env<'local>,
    _: JClass<'local>,
    archive: JString<'local>,
    place: JString<'local>,
    watch: JObject<'local>,
) -> Result<(), Fault> {
    if watch.is_null() {
        return Err(Fault::Argument("an installation needs a watch".into()));
    }
    let (archive, place) = (archive.try_to_string(env)?, place.try_to_string(env)?);
    let mut thrown = None;
    let end = bundle::install::install(Path::new(&archive), Path::new(&place), &mut |done, all| {
        let arguments = [JValue::Long(done as jlong), JValue::Long(all as jlong)];
        let signature = jni_sig!((done: jlong, all: jlong) -> jboolean);
        let answer = env.call_method(&watch, jni_str!("goOn"), signature, &arguments).and_then(|value| value.z());
        answer.unwrap_or_else(|error| {
            thrown = Some(error);
            false
        })
    });
    match (thrown, end) {
        (Some(error), _) => Err(error.into()),
        (None, end) => end.map_err(|error| {
            let failure = Failure::from(&error);
            // Input is images elsewhere.
            let kind = if failure.kind == FailureKind::Input { FailureKind::Io } else { failure.kind };
            Fault::Failure(Failure { kind, ..failure })
        }),
    }
}
