//! The engine's half: one thread that reads orders, and one thread a job.

mod ask;
mod desk;
mod models;
mod observe;
mod pack;
mod pixels;
mod segment;
mod slots;
mod stdio;
#[cfg(feature = "torch")]
mod train;

use super::frame::{self, Side};
use super::protocol::{Ending, Failure, FromEngine, JobId, Order, ToEngine};
use super::ring::Ring;
use crate::error::{Error, Result};
use desk::{Desk, Stop};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that jobs get to tidy up once the host is gone or wants the end.
const TIDYING: Duration = Duration::from_secs(4);

/// Serves the host with the process id `host` over this process's standard input and output, and ends the process when
/// the host is gone or says so. To be called before anything else is opened or printed.
///
/// # Errors
/// If there is no host to serve.
pub fn serve(host: u32) -> Result<()> {
    let (mut input, mut output) = stdio::take(host).map_err(Error::compute("taking over standard input and output"))?;
    let greeting = frame::greeted(&mut input, Side::Host).map_err(Error::compute(
        "waiting for a host's greeting (this command is for the JVM library; `slidestream segment` is for people)",
    ))?;
    let ring = greeting.body::<PathBuf>().and_then(|path| {
        Ring::open(&path).map_err(|error| format!("cannot map the shared memory {}: {error}", path.display()))
    });
    let answer = ring.as_ref().map(|_| ()).map_err(Clone::clone);
    frame::greet(&mut output, Side::Engine, &answer).map_err(Error::compute("answering the host"))?;
    let ring = ring.map_err(|reason| Error::config("engine", "greeting", reason))?;
    eprintln!("slidestream {} serves process {host}", frame::build_id());
    let desk = Arc::new(Desk::new(output, ring));
    let said = listen(&desk, &mut input);
    eprintln!("{said}");
    desk.stop_all();
    let until = Instant::now() + TIDYING;
    while desk.jobs() > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: `_exit` touches no memory of this process; unlike `exit` it runs no destructors of libtorch, which would
    // meet job threads that are still at work.
    unsafe { libc::_exit(0) }
}

/// Takes orders until there will be no more; why.
fn listen(desk: &Arc<Desk>, input: &mut File) -> String {
    loop {
        match frame::receive(input) {
            Ok(Some(ToEngine::Ping)) => desk.send(&FromEngine::Pong),
            Ok(Some(ToEngine::Begin(job, order))) => begin(desk, job, order),
            Ok(Some(ToEngine::Cancel(job))) => desk.stop(job),
            Ok(Some(ToEngine::Pixels(slot, answer))) => desk.pixels.answer(slot, answer),
            Ok(Some(ToEngine::Release(slot))) => desk.results.give(slot),
            Ok(Some(ToEngine::Shutdown)) => return "told to end".into(),
            Ok(None) => return "the host is gone".into(),
            Err(error) => return format!("the host sent what is no message: {error}"),
        }
    }
}

fn begin(desk: &Arc<Desk>, job: JobId, order: Order) {
    let stop = desk.enter(job);
    let worker = {
        let desk = desk.clone();
        move || {
            let begun = Instant::now();
            let end = catch_unwind(AssertUnwindSafe(|| work(&desk, job, &stop, order)));
            let end = end.unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<&str>().map(ToString::to_string);
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Err(Error::Internal(format!("panicked: {text}")))
            });
            let end = end.map_err(|error| Failure::from(&error));
            let how = end.as_ref().map_or_else(|failure| failure.message.as_str(), |_| "done");
            eprintln!("job {job}: {how} after {:.1} s", begun.elapsed().as_secs_f64());
            desk.leave(job);
            desk.send(&FromEngine::Ended(job, end));
        }
    };
    if let Err(error) = std::thread::Builder::new().name(format!("job-{job}")).spawn(worker) {
        desk.leave(job);
        let failure = Failure::from(&Error::Internal(format!("no thread for a job: {error}")));
        desk.send(&FromEngine::Ended(job, Err(failure)));
    }
}

fn work(desk: &Arc<Desk>, job: JobId, stop: &Stop, order: Order) -> Result<Ending> {
    let large = matches!(order, Order::Segment(_) | Order::Finetune(_) | Order::Pretrain(_));
    let _turn = if large { Some(desk.turn(job, stop)?) } else { None };
    match order {
        Order::Devices => Ok(ask::devices()),
        Order::Models => Ok(ask::models()),
        Order::Slide { path } => ask::slide(&path),
        Order::Model(choice) => desk.models.describe(&choice, stop),
        Order::Segment(order) => segment::segment(desk, job, stop, *order).map(Ending::Segmented),
        #[cfg(feature = "torch")]
        Order::Finetune(order) => train::finetune(desk, job, stop, order),
        #[cfg(feature = "torch")]
        Order::Pretrain(order) => train::pretrain(desk, job, stop, order),
        #[cfg(not(feature = "torch"))]
        Order::Finetune(order) | Order::Pretrain(order) => {
            let reason = "this program was built without libtorch (the feature `torch`)";
            Err(Error::config("config", order.config.display(), reason))
        }
    }
}
