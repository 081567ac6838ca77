//! How the C library's allocator treats memory that is given back.

/// Keeps freed memory for the next forward pass instead of returning it to the system: a pass allocates and frees some
/// hundred MiB, and having the system clear the same pages for every tile takes a tenth of the processor's time.
///
/// Only blocks up to 32 MiB, the most that glibc allows, are kept, for all threads together (one arena): what one thread
/// has freed the next one takes. A long-lived process returns it when it is idle (`malloc_trim`). Whoever sets glibc's own
/// variables (`MALLOC_ARENA_MAX`, `GLIBC_TUNABLES`) decides instead.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let theirs = std::env::vars_os().any(|(name, _)| {
            let name = name.to_string_lossy();
            name.starts_with("MALLOC_") || name == "GLIBC_TUNABLES"
        });
        if !theirs {
            for (option, value) in [
                (libc::M_MMAP_THRESHOLD, 32 << 20),
                (libc::M_TRIM_THRESHOLD, i32::MAX),
                (libc::M_TOP_PAD, 64 << 20),
                (libc::M_ARENA_MAX, 1),
            ] {
                // SAFETY: sets a number inside the allocator; no other thread runs yet. A refusal costs speed alone.
                unsafe { libc::mallopt(option, value) };
            }
        }
    }
}
