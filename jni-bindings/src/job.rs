//! A job: its order, its events, its end.

use crate::handles;
use crate::policy::Fault;
use jni::objects::{JByteBuffer, JClass, JObject, JString, JValue};
use jni::sys::{jint, jlong};
use jni::{Env, jni_sig, jni_str};
use slidestream::engine::client::{Event, Job};
use slidestream::engine::protocol::{Ending, Failure, FailureKind, Order, Want};
use std::time::Duration;

/// Time between two looks whether the job has been closed.
const LOOK: Duration = Duration::from_millis(250);

/// Begins a job: `order` is an [`Order`] as JSON.
pub fn begin_job<'local>(
    env: &mut Env<'local>,
    _: JClass<'local>,
    engine: jlong,
    order: JString<'local>,
) -> Result<jlong, Fault> {
    let engine = handles::engine(engine)?;
    let text = order.try_to_string(env)?;
    let order: Order = serde_json::from_str(&text)
        .map_err(|error| Fault::Failure(Failure { kind: FailureKind::Config, message: error.to_string() }))?;
    Ok(handles::keep_job(engine.begin(order)?))
}

/// Hands the job's events to `listener`, on this thread, until its end; the answer is the [`Ending`] as JSON. A failure is
/// thrown, and so is whatever the listener throws.
pub fn pump<'local>(
    env: &mut Env<'local>,
    _: JClass<'local>,
    job: jlong,
    listener: JObject<'local>,
) -> Result<JString<'local>, Fault> {
    if listener.is_null() {
        return Err(Fault::Argument("a job needs a listener".into()));
    }
    loop {
        // Looked up each time, so that closing the job ends this.
        let held = handles::job(job)?;
        let Some(event) = held.next(LOOK)? else { continue };
        if let Event::Ended(end) = event {
            return Ok(JString::from_str(env, json(&end?)?)?);
        }
        env.with_local_frame(8, |env| hand(env, &held, &listener, event))?;
    }
}

fn json(ending: &Ending) -> Result<String, Fault> {
    serde_json::to_string(ending).map_err(|error| Fault::Argument(error.to_string()))
}

fn hand(env: &mut Env<'_>, job: &Job, listener: &JObject<'_>, event: Event) -> Result<(), Fault> {
    match event {
        Event::Ended(_) => {}
        Event::Note(text) => {
            let text = JString::from_str(env, text)?;
            let arguments = [JValue::Object(&text)];
            env.call_method(listener, jni_str!("note"), jni_sig!((text: java.lang.String) -> void), &arguments)?;
        }
        Event::Progress(progress) => {
            let text = JString::from_str(env, &progress.text)?;
            let arguments = [
                JValue::Long(progress.done as jlong),
                JValue::Long(progress.total as jlong),
                JValue::Double(progress.per_s),
                JValue::Double(progress.seconds_left),
                JValue::Object(&text),
            ];
            let signature =
                jni_sig!((done: jlong, total: jlong, rate: jdouble, left: jdouble, text: java.lang.String) -> void);
            env.call_method(listener, jni_str!("progress"), signature, &arguments)?;
        }
        Event::Objects(batch) => {
            let bytes = batch.bytes();
            // SAFETY: the buffer is valid while `batch` lives, which is until the call below has returned. The Java side,
            // which is this project's own, reads it during the call only and never writes.
            let buffer = unsafe { env.new_direct_byte_buffer(bytes.as_ptr().cast_mut(), bytes.len())? };
            let arguments = [JValue::Object(&buffer)];
            env.call_method(
                listener,
                jni_str!("objects"),
                jni_sig!((packed: java.nio.ByteBuffer) -> void),
                &arguments,
            )?;
        }
        Event::Want(want) => {
            let numbers = [want.slot, want.level, want.x, want.y, want.width, want.height];
            let arguments = numbers.map(|number| JValue::Int(number as jint));
            let signature = jni_sig!((slot: jint, level: jint, x: jint, y: jint, width: jint, height: jint) -> void);
            if let Err(error) = env.call_method(listener, jni_str!("pixels"), signature, &arguments) {
                // The job ends by this failure, whether or not the engine still hears of it.
                let _ = job.answer(want, Err("the host's listener failed".into()));
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// Stops a job. One that is closed is stopped already.
pub fn cancel_job<'local>(_: &mut Env<'local>, _: JClass<'local>, job: jlong) -> Result<(), Fault> {
    if let Ok(job) = handles::job(job) {
        job.cancel();
    }
    Ok(())
}

/// Lets go of a job, which stops it if it has not ended.
pub fn close_job<'local>(_: &mut Env<'local>, _: JClass<'local>, job: jlong) -> Result<(), Fault> {
    handles::close(job);
    Ok(())
}

/// Hands over the pixels that `JobListener.pixels` asked for: RGB8 from the start of a direct buffer.
#[allow(clippy::too_many_arguments)]
pub fn answer<'local>(
    env: &mut Env<'local>,
    _: JClass<'local>,
    job: jlong,
    slot: jint,
    level: jint,
    x: jint,
    y: jint,
    width: jint,
    height: jint,
    rgb: JByteBuffer<'local>,
) -> Result<(), Fault> {
    let number = |value: jint| u32::try_from(value).map_err(|_| Fault::Argument(format!("{value} in a region")));
    let [slot, level, x, y, width, height] =
        [number(slot)?, number(level)?, number(x)?, number(y)?, number(width)?, number(height)?];
    let want = Want { slot, level, x, y, width, height };
    let job = handles::job(job)?;
    let (start, capacity) = (env.get_direct_buffer_address(&rgb)?, env.get_direct_buffer_capacity(&rgb)?);
    if capacity < want.bytes() {
        return Err(Fault::Argument(format!("a buffer of {capacity} bytes for a region of {}", want.bytes())));
    }
    // SAFETY: the buffer is direct (its address was found) and has these bytes; `rgb` keeps it alive during this call.
    // The Java side writes to it before the call only.
    let pixels = unsafe { std::slice::from_raw_parts(start, want.bytes()) };
    Ok(job.answer(want, Ok(pixels))?)
}

/// Says why there are no pixels for a slot.
pub fn refuse<'local>(
    env: &mut Env<'local>,
    _: JClass<'local>,
    job: jlong,
    slot: jint,
    reason: JString<'local>,
) -> Result<(), Fault> {
    let reason = reason.try_to_string(env)?;
    let slot = u32::try_from(slot).map_err(|_| Fault::Argument(format!("slot {slot}")))?;
    let want = Want { slot, level: 0, x: 0, y: 0, width: 0, height: 0 };
    Ok(handles::job(job)?.answer(want, Err(reason))?)
}
