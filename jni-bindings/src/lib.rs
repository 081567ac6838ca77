//! The native methods of `io.github.slidestream.Native`, one file a noun. Objects and pixels cross in direct buffers, orders
//! and answers as JSON of the engine's own messages, and every error as a typed exception by one policy.
//!
//! This library is loaded into hosts that have a libtorch and an OpenSlide of their own, so it links neither: all work is
//! done in the engine process. It makes no thread known to the JVM; callbacks come from the Java thread that pumps a job.

mod engine;
mod handles;
mod install;
mod job;
mod policy;

use jni::objects::JClass;
use jni::sys::jint;
use jni::{Env, NativeMethod, native_method};
use policy::{Fault, Policy};

/// Every native method but `bind`. The signatures are checked against the functions when this is compiled, and against
/// the Java class when it is loaded.
const METHODS: &[NativeMethod] = &[
    native_method! { static fn engine::build_id() -> JString, error_policy = Policy },
    native_method! { static fn engine::kinds() -> JString, error_policy = Policy },
    native_method! { static fn engine::open_engine(options: JString) -> jlong, error_policy = Policy },
    native_method! { static fn engine::engine_state(engine: jlong) -> JString, error_policy = Policy },
    native_method! { static fn engine::end_engine(engine: jlong), error_policy = Policy },
    native_method! { static fn engine::close_engine(engine: jlong), error_policy = Policy },
    native_method! { static fn engine::handles() -> jint, error_policy = Policy },
    native_method! {
        static fn install::install(archive: JString, place: JString, watch: io.github.slidestream.InstallWatch),
        error_policy = Policy,
    },
    native_method! { static fn engine::panic(message: JString), error_policy = Policy },
    native_method! { static fn job::begin_job(engine: jlong, order: JString) -> jlong, error_policy = Policy },
    native_method! {
        static fn job::pump(job: jlong, listener: io.github.slidestream.JobListener) -> JString,
        error_policy = Policy,
    },
    native_method! { static fn job::cancel_job(job: jlong), error_policy = Policy },
    native_method! { static fn job::close_job(job: jlong), error_policy = Policy },
    native_method! {
        static fn job::answer(
            job: jlong, slot: jint, level: jint, x: jint, y: jint, width: jint, height: jint, rgb: java.nio.ByteBuffer,
        ),
        error_policy = Policy,
    },
    native_method! {
        static fn job::refuse(job: jlong, slot: jint, reason: JString),
        error_policy = Policy,
    },
];

const _: NativeMethod = native_method! {
    java_type = "io.github.slidestream.Native",
    static extern fn bind() -> jint,
    error_policy = Policy,
};

/// Gives the class its native methods; how many. The JVM refuses one that the class does not declare so.
fn bind(env: &mut Env<'_>, class: JClass<'_>) -> Result<jint, Fault> {
    // SAFETY: each entry was made by `native_method!`, which ties its signature to its function.
    unsafe { env.register_native_methods(class, METHODS)? };
    Ok(METHODS.len() as jint)
}
