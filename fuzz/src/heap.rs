//! Counts the heap bytes of this thread, so that law L3 is checked where no length is public.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Heap bytes that this thread has allocated and not given back.
#[must_use]
pub fn live_bytes() -> isize {
    LIVE.get()
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: usize, sign: isize) {
    let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
    LIVE.set(LIVE.get().wrapping_add(bytes.wrapping_mul(sign)));
}

// SAFETY: every call goes to the system's allocator unchanged; counting does not allocate, for the
// cell is initialised at compile time and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
