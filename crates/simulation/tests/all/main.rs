//! The simulation's tests in one executable, since each executable links the whole simulation.

mod claims;
mod enumeration;
mod interrupts;
mod nights;
mod other_clients;
mod outages;
mod posting;
mod seeds;
mod sharing;
