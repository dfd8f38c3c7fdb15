//! A simulation of LeadSquared's internal note API that enforces a rate limit, and fails in every known way.
//! It can also simulate Freshdesk's notes on tickets ([`Api`]), with the same limit, faults and counts.
//!
//! [`Model`] is the API's behaviour: pure, decided by a seed, with the time given by its caller. [`Server`]
//! serves it over HTTP/1.1 on a real socket. It was written from the APIs' documentation alone and shares no
//! code with the client that it tests: it counts independently what arrived, when, and which notes exist.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use batchpost_sandbox::{Fate, Model, Received, Settings};
//!
//! let mut model = Model::new(Settings { limit: Some(1), ..Settings::default() });
//! let request = Received {
//!     method: "POST",
//!     path: "/api/tenants/1/internalnote/upload",
//!     access_key: None,
//!     secret_key: None,
//!     authorization: None,
//!     body: br#"{"TextPart": "Called back.", "ActivityType": "CreateInternalNote",
//!         "StorageType": "Permament", "RelatedTicketId": 143}"#,
//! };
//!
//! let Fate::Reply(first) = model.receive(Duration::ZERO, SystemTime::UNIX_EPOCH, &request) else { panic!() };
//! assert_eq!(first.status, 200);
//! let Fate::Reply(second) = model.receive(Duration::from_secs(5), SystemTime::UNIX_EPOCH, &request) else { panic!() };
//! assert_eq!(second.status, 429, "a closed window counts both of its ends");
//! assert_eq!(model.notes().len(), 1);
//! assert_eq!(model.report().most_in_any_window, 2);
//! ```

#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod answer;
mod fault;
mod freshdesk;
mod http;
mod model;
mod other_clients;
mod request;
mod settings;
mod window;

pub use answer::{Answer, Fate};
pub use fault::{Fault, FaultRule, FaultRuleError, When};
pub use http::Server;
pub use model::{Journey, Model, Note, Report};
pub use request::{MAX_BODY_BYTES, Received};
pub use settings::{Api, Counting, Settings};
pub use window::most_in_any;
