//! The engine: `openEngine` and what belongs to it.

use crate::handles;
use crate::policy::{Fault, exception};
use jni::Env;
use jni::objects::{JClass, JString};
use jni::sys::{jint, jlong};
use serde::Deserialize;
use slidestream::engine::client::Engine;
use slidestream::engine::frame;
use slidestream::engine::process::EngineOptions;
use slidestream::engine::protocol::FailureKind;
use std::path::PathBuf;
use std::time::Duration;

/// As Java says it; what is absent is as usual.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    program: PathBuf,
    logs: Option<PathBuf>,
    start_within_s: Option<f64>,
    silence_s: Option<f64>,
    idle_s: Option<f64>,
}

impl Options {
    fn settle(self) -> Result<EngineOptions, Fault> {
        let usual = EngineOptions::new(self.program);
        let time = |name: &str, seconds: Option<f64>, usual: Duration| match seconds {
            None => Ok(usual),
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|time| !time.is_zero())
                .ok_or_else(|| Fault::Argument(format!("{name} is {seconds}; it must be above 0"))),
        };
        Ok(EngineOptions {
            start_within: time("start_within_s", self.start_within_s, usual.start_within)?,
            silence: time("silence_s", self.silence_s, usual.silence)?,
            idle: time("idle_s", self.idle_s, usual.idle)?,
            logs: self.logs.unwrap_or(usual.logs),
            program: usual.program,
        })
    }
}

/// Of which sources this library was built.
pub fn build_id<'local>(env: &mut Env<'local>, _: JClass<'local>) -> Result<JString<'local>, Fault> {
    Ok(JString::from_str(env, frame::build_id())?)
}

/// The exception of each kind of failure, as a JSON object.
pub fn kinds<'local>(env: &mut Env<'local>, _: JClass<'local>) -> Result<JString<'local>, Fault> {
    let kinds = FailureKind::ALL.map(|kind| (format!("{kind:?}"), exception(kind).into()));
    let kinds: serde_json::Map<String, serde_json::Value> = kinds.into_iter().collect();
    Ok(JString::from_str(env, serde_json::Value::from(kinds).to_string())?)
}

/// A handle of an engine that is not started before its first job.
pub fn open_engine<'local>(env: &mut Env<'local>, _: JClass<'local>, options: JString<'local>) -> Result<jlong, Fault> {
    let text = options.try_to_string(env)?;
    let options: Options = serde_json::from_str(&text).map_err(|error| Fault::Argument(error.to_string()))?;
    Ok(handles::keep_engine(Engine::new(options.settle()?)))
}

/// `{"pid": ..., "log": ...}`, null where there is none.
pub fn engine_state<'local>(env: &mut Env<'local>, _: JClass<'local>, engine: jlong) -> Result<JString<'local>, Fault> {
    let engine = handles::engine(engine)?;
    let log = engine.log().map(|log| log.display().to_string());
    let state = serde_json::json!({ "pid": engine.pid(), "log": log });
    Ok(JString::from_str(env, state.to_string())?)
}

/// Stops all jobs and ends the process; the next job starts another one.
pub fn end_engine<'local>(_: &mut Env<'local>, _: JClass<'local>, engine: jlong) -> Result<(), Fault> {
    handles::engine(engine)?.shutdown();
    Ok(())
}

/// Ends the engine for good. One that was closed already stays so.
pub fn close_engine<'local>(_: &mut Env<'local>, _: JClass<'local>, engine: jlong) -> Result<(), Fault> {
    handles::close(engine);
    Ok(())
}

/// Handles that are open.
pub fn handles<'local>(_: &mut Env<'local>, _: JClass<'local>) -> Result<jint, Fault> {
    Ok(handles::count() as jint)
}

/// Panics, for the test that a panic becomes an exception.
pub fn panic<'local>(env: &mut Env<'local>, _: JClass<'local>, message: JString<'local>) -> Result<(), Fault> {
    let message = message.try_to_string(env)?;
    panic!("{message}")
}
