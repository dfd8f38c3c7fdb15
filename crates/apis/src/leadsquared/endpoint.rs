//! The URL to which an account's notes are posted.

use batchpost_engine::api::{Endpoint, EndpointError, repeatable};

/// Returns the documented https URL for `tenant` (the account's number) on `host`.
///
/// # Errors
///
/// If `host` is not just a name with an optional port, or `tenant` is not a single plain path segment.
pub fn endpoint(host: &str, tenant: &str) -> Result<Endpoint, EndpointError> {
    let (host, tenant) = (host.trim(), tenant.trim());
    let plain = |text: &str, also: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    if !plain(host, "-.:[]") {
        let example = "its name alone, like apigw.service-in.leadsquared.com";
        return Err(EndpointError::Part { what: "host", text: repeatable(host), example });
    }
    if !plain(tenant, "-_") {
        let example = "the account's number, like 12345";
        return Err(EndpointError::Part { what: "tenant", text: repeatable(tenant), example });
    }
    Endpoint::from_url(&format!("https://{host}/api/tenants/{tenant}/internalnote/upload"))
}

/// Returns the tenant in an endpoint with the documented path; `None` for another path.
pub fn tenant(endpoint: &Endpoint) -> Option<&str> {
    let path = endpoint.as_str().splitn(4, '/').nth(3)?;
    let tenant = path.strip_prefix("api/tenants/")?.strip_suffix("/internalnote/upload")?;
    (!tenant.is_empty() && !tenant.contains('/')).then_some(tenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_tenant_make_the_documented_url() {
        let endpoint = endpoint("apigw.service-in.leadsquared.com", "12345").unwrap();
        let url = "https://apigw.service-in.leadsquared.com/api/tenants/12345/internalnote/upload";
        assert_eq!(endpoint.as_str(), url);
    }

    #[test]
    fn hosts_and_tenants_are_names_only() {
        for (host, tenant) in
            [("", "1"), ("https://h", "1"), ("h/x", "1"), ("h", ""), ("h", "1/2"), ("h", "a?b"), ("u@h", "1")]
        {
            assert!(endpoint(host, tenant).is_err(), "{host} {tenant}");
        }
        for (host, tenant) in [("h/x?accessKey=hunter2", "1"), ("h/x;key=hunter2", "1"), ("h", "1?accessKey=hunter2")] {
            let error = endpoint(host, tenant).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_tenant_is_told_where_the_path_is_the_documented_one() {
        assert_eq!(tenant(&endpoint("h.example", "12345").unwrap()), Some("12345"));
        for path in ["", "api", "api/tenants//internalnote/upload", "api/tenants/1/2/internalnote/upload"] {
            let other = Endpoint::from_url(&format!("https://h.example/{path}")).unwrap();
            assert_eq!(tenant(&other), None, "{path}");
        }
    }
}
