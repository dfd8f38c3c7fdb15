//! The simulation's tests: one executable, since each links the whole of it.

mod claims;
mod enumeration;
mod interrupts;
mod nights;
mod other_clients;
mod outages;
mod posting;
mod seeds;
mod sharing;
