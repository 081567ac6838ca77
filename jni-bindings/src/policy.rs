//! What Java sees of an error.

use jni::Env;
use jni::errors::ErrorPolicy;
use jni::strings::JNIString;
use slidestream::engine::protocol::{Failure, FailureKind};
use std::any::Any;

/// Why a native method failed.
#[derive(Debug)]
pub enum Fault {
    /// The engine, or what it was asked to do.
    Failure(Failure),
    /// A handle that was closed, or an argument that the Java side must not pass.
    Argument(String),
    /// The JVM; its exception is pending.
    Jni(jni::errors::Error),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<jni::errors::Error> for Fault {
    fn from(error: jni::errors::Error) -> Self {
        Self::Jni(error)
    }
}

/// The exception for each kind of failure.
pub fn exception(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Io => "io/github/slidestream/FileException",
        FailureKind::Input => "io/github/slidestream/ImageException",
        FailureKind::Config => "io/github/slidestream/OptionException",
        FailureKind::Model => "io/github/slidestream/ModelException",
        FailureKind::Device => "io/github/slidestream/DeviceException",
        FailureKind::OutOfDeviceMemory => "io/github/slidestream/OutOfDeviceMemoryException",
        FailureKind::Cancelled => "io/github/slidestream/StoppedException",
        FailureKind::Engine => "io/github/slidestream/EngineException",
        FailureKind::Internal => "io/github/slidestream/InternalException",
    }
}

/// Throws the exception that fits and returns 0 or null. An exception that is pending already is left as it is. Panics become
/// exceptions too: a host must not end because of one.
pub struct Policy;

impl<T: Default> ErrorPolicy<T, Fault> for Policy {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _: &mut Self::Captures<'unowned_env_local, 'native_method>,
        fault: Fault,
    ) -> jni::errors::Result<T> {
        match fault {
            _ if env.exception_check() => {}
            Fault::Failure(Failure { kind, message }) => throw(env, exception(kind), &message),
            Fault::Argument(message) => throw(env, "java/lang/IllegalStateException", &message),
            Fault::Jni(error) => throw(env, exception(FailureKind::Internal), &error.to_string()),
        }
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        _: &mut Self::Captures<'unowned_env_local, 'native_method>,
        panic: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        if !env.exception_check() {
            throw(env, exception(FailureKind::Internal), &format!("the native library panicked: {text}"));
        }
        Ok(T::default())
    }
}

/// Throws; if the class cannot be found, the JVM throws that instead.
fn throw(env: &mut Env<'_>, class: &str, message: &str) {
    let class = JNIString::new(class);
    // It answers that an exception is pending, which is the aim.
    let _ = env.throw_new(&*class, JNIString::new(message));
}
