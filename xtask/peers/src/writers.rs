//! Who writes: threads that share a peer, each in a closed loop.

use std::{thread, time::Duration};

use crate::{
    event::Event,
    measure::{Laps, Window, together},
};

const WARM_UP: Duration = Duration::from_millis(300);

/// How a journal is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many write at once.
    pub writers: usize,
    /// For how long, after the warm-up.
    pub measured: Duration,
    /// How long an event is, without its newline.
    pub bytes: usize,
}

impl Plan {
    /// The warm-up begins now.
    #[must_use]
    pub fn window(&self) -> Window {
        Window::new(WARM_UP, self.measured)
    }
}

/// Lets as many threads write as there are writers. `writer` makes what one of them, by its number, does with an event:
/// it returns once the event is durable.
///
/// # Errors
/// The first one of theirs, or a thread that cannot be begun.
pub fn on_threads<W>(plan: &Plan, writer: impl Fn(usize) -> W + Sync) -> Result<Vec<u32>, String>
where
    W: FnMut(&Event) -> Result<(), String>,
{
    let window = plan.window();
    thread::scope(|scope| {
        let mut threads = Vec::with_capacity(plan.writers);
        for number in 0..plan.writers {
            let writer = &writer;
            let work = move || closed_loop(Event::new(number, plan.bytes), Laps::new(window), writer(number));
            let thread = thread::Builder::new().spawn_scoped(scope, work);
            threads.push(thread.map_err(|error| format!("writer {number} cannot be begun: {error}"))?);
        }
        together(threads.into_iter().map(|thread| match thread.join() {
            Ok(measured) => measured,
            Err(_) => Err("a writer panicked".to_owned()),
        }))
    })
}

fn closed_loop(
    mut event: Event,
    mut laps: Laps,
    mut write: impl FnMut(&Event) -> Result<(), String>,
) -> Result<Vec<u32>, String> {
    loop {
        event.step();
        write(&event)?;
        if !laps.lap() {
            return Ok(laps.into_micros());
        }
    }
}
