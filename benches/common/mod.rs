//! What the benchmarks that run beside other programs share.

use std::collections::BTreeMap;

/// `--name value` pairs; cargo's own `--bench` is left out.
///
/// # Errors
/// A name without a value.
pub fn arguments() -> Result<BTreeMap<String, String>, String> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut arguments = BTreeMap::new();
    while let Some(name) = words.next() {
        let value = words.next().ok_or_else(|| format!("{name} needs a value"))?;
        arguments.insert(name, value);
    }
    Ok(arguments)
}

/// User and system time of this process.
#[allow(dead_code, reason = "not every benchmark counts it")]
pub fn cpu_seconds() -> f64 {
    // SAFETY: a plain struct of numbers, which zeros are valid for, filled by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
