//! The APIs that this program posts to, with the facts that only the command line needs.

use std::path::Path;
use std::sync::Arc;

use batchpost::api::{Api, Endpoint, EndpointError};
use batchpost::batch::{Account, account_of};
use batchpost::leadsquared::{self, LeadSquared};

/// An API and what its accounts need.
#[derive(Debug)]
pub(crate) struct KnownApi {
    /// Its name in messages; ledgers use [`Api::name`].
    pub(crate) name: &'static str,
    target: fn() -> Arc<dyn Api>,
    /// The keys of an account, in the order of [`Api::credentials`].
    pub(crate) credentials: &'static [Credential],
    /// The endpoint of an account, from `--host` and `--tenant`.
    pub(crate) endpoint: fn(&str, &str) -> Result<Endpoint, EndpointError>,
    /// The tenant in an endpoint's URL; `None` if the URL does not have the documented path.
    pub(crate) tenant_of: fn(&Endpoint) -> Option<&str>,
    pub(crate) host: Part,
    pub(crate) tenant: Part,
}

/// A part of an account's endpoint.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its meaning for the account: `number`.
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

/// One of the keys of an account.
#[derive(Debug)]
pub(crate) struct Credential {
    /// The API's name for it.
    pub(crate) name: &'static str,
    /// The prefix of its keys in a settings file: `access_key` in `access_key_file`.
    pub(crate) setting: &'static str,
    /// The environment variable with its value.
    pub(crate) variable: &'static str,
}

static APIS: [KnownApi; 1] = [KnownApi {
    name: "LeadSquared",
    target: || Arc::new(LeadSquared),
    credentials: &[
        Credential { name: "access key", setting: "access_key", variable: "LSQ_ACCESS_KEY" },
        Credential { name: "secret key", setting: "secret_key", variable: "LSQ_SECRET_KEY" },
    ],
    endpoint: leadsquared::endpoint,
    tenant_of: leadsquared::tenant,
    host: Part { name: "API host", example: "apigw.service-in.leadsquared.com" },
    tenant: Part { name: "number", example: "12345" },
}];

/// The API that new batches are posted to.
pub(crate) fn default() -> &'static KnownApi {
    &APIS[0]
}

/// The API with this name in ledgers.
pub(crate) fn of_name(name: &str) -> Option<&'static KnownApi> {
    APIS.iter().find(|api| api.target().name() == name)
}

/// The API of a ledger's account. If it is not in the table, the default one: the library then reports the
/// error.
pub(crate) fn of_account(account: &Account) -> &'static KnownApi {
    of_name(&account.api).unwrap_or_else(default)
}

/// The API of a ledger. If the ledger cannot be read, the default one: the library then reports the error.
pub(crate) fn of_ledger(ledger: &Path) -> &'static KnownApi {
    account_of(ledger).map_or_else(|_| default(), |account| of_account(&account))
}

/// The keys of all APIs.
pub(crate) fn credentials() -> impl Iterator<Item = &'static Credential> {
    APIS.iter().flat_map(|api| api.credentials)
}

impl KnownApi {
    /// The library's API.
    pub(crate) fn target(&self) -> Arc<dyn Api> {
        (self.target)()
    }

    /// The variables of the keys, joined for a message: `LSQ_ACCESS_KEY and LSQ_SECRET_KEY`.
    pub(crate) fn variables(&self) -> String {
        self.credentials.iter().map(|credential| credential.variable).collect::<Vec<_>>().join(" and ")
    }
}

impl Default for &'static KnownApi {
    fn default() -> Self {
        default()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn a_row_of_the_table_agrees_with_the_library_and_with_itself() {
        for api in &APIS {
            let names: Vec<&str> = api.credentials.iter().map(|credential| credential.name).collect();
            assert_eq!(names, api.target().credentials());
            let endpoint = (api.endpoint)(api.host.example, api.tenant.example).unwrap();
            assert_eq!((api.tenant_of)(&endpoint), Some(api.tenant.example));
            assert!(std::ptr::eq(of_name(api.target().name()).unwrap(), api));
        }
    }

    #[test]
    fn help_names_the_variables_and_the_example_host_of_the_table() {
        let mut command = Args::command();
        let help = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
        for credential in default().credentials {
            assert!(help.contains(credential.variable) && help.contains(&format!("{}_FILE", credential.variable)));
        }
        assert!(help.contains(&format!("like {}", default().host.example)), "{help}");
    }
}
