use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// A writer at work.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs each writer on a thread of its own, to the end of all.
pub fn on_threads(writers: Vec<BoxFuture>) {
    thread::scope(|scope| {
        for writer in writers {
            scope.spawn(|| block_on(writer));
        }
    });
}
