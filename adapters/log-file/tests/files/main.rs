//! What the files promise: whatever happens to one, it is whole or it says what is wrong with it.

mod backup;
mod beside;
mod export;
mod support;
