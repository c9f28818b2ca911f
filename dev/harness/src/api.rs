//! The calls that set a run up, over the Svix-compatible API: applications, endpoints, deletion.
//! Blocking, one at a time; load is the generator's.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::client::{Connection, json_request};
use crate::error::HarnessError;

/// A caller of the API with its key.
pub struct Api {
    runtime: Runtime,
    address: SocketAddr,
    authorization: String,
    connection: Option<Connection>,
}

/// An endpoint to make.
pub struct NewEndpoint<'a> {
    /// Where it delivers to.
    pub url: &'a str,
    /// Which event types it takes.
    pub event_types: &'a [&'a str],
    /// Its secret, `whsec_…`.
    pub secret: &'a str,
}

#[derive(Deserialize)]
struct CreatedBin {
    url: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

impl Api {
    /// Prepares calls to a server.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when no runtime can be made.
    pub fn new(address: SocketAddr, key: &str) -> Result<Api, HarnessError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(HarnessError::io("starting a runtime"))?;
        Ok(Api { runtime, address, authorization: format!("Bearer {key}"), connection: None })
    }

    /// Makes an application and returns its id.
    ///
    /// # Errors
    /// [`HarnessError`] when the server refuses or the connection breaks.
    pub fn create_application(&mut self, uid: &str) -> Result<String, HarnessError> {
        self.create("/api/v1/app", &json!({ "name": uid, "uid": uid }))
    }

    /// Makes an endpoint of an application and returns its id.
    ///
    /// # Errors
    /// As [`Api::create_application`].
    pub fn create_endpoint(
        &mut self,
        application: &str,
        new: &NewEndpoint<'_>,
    ) -> Result<String, HarnessError> {
        let body = json!({ "url": new.url, "eventTypes": new.event_types, "secret": new.secret });
        self.create(&format!("/api/v1/app/{application}/endpoint"), &body)
    }

    /// Deletes an endpoint: when this returns, the server has answered 204.
    ///
    /// # Errors
    /// As [`Api::create_application`].
    pub fn delete_endpoint(&mut self, application: &str, endpoint: &str) -> Result<(), HarnessError> {
        let path = format!("/api/v1/app/{application}/endpoint/{endpoint}");
        self.call(Method::DELETE, &path, Bytes::new(), 204).map(drop)
    }

    /// Makes a request bin and returns its URL.
    ///
    /// # Errors
    /// As [`Api::create_application`].
    pub fn create_bin(&mut self, uid: &str) -> Result<String, HarnessError> {
        let body = Bytes::from(json!({ "uid": uid }).to_string());
        let answer = self.call(Method::POST, "/api/v1/bin", body, 201)?;
        let made = serde_json::from_slice::<CreatedBin>(&answer);
        made.map(|made| made.url)
            .map_err(|error| HarnessError::Vacuous(format!("a bin was made and has no URL: {error}")))
    }

    /// Reads something as JSON.
    ///
    /// # Errors
    /// As [`Api::create_application`]; an answer of another shape counts as refused.
    pub fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, HarnessError> {
        let answer = self.call(Method::GET, path, Bytes::new(), 200)?;
        serde_json::from_slice(&answer).map_err(|_| HarnessError::Refused {
            method: Method::GET,
            path: path.to_owned(),
            status: 200,
            body: String::from_utf8_lossy(&answer).into_owned(),
        })
    }

    fn create(&mut self, path: &str, body: &serde_json::Value) -> Result<String, HarnessError> {
        let answer = self.call(Method::POST, path, Bytes::from(body.to_string()), 201)?;
        serde_json::from_slice::<Created>(&answer).map(|created| created.id).map_err(|_| {
            HarnessError::Refused {
                method: Method::POST,
                path: path.to_owned(),
                status: 201,
                body: String::from_utf8_lossy(&answer).into_owned(),
            }
        })
    }

    fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        expected: u16,
    ) -> Result<Bytes, HarnessError> {
        let request = json_request(method.clone(), path, &self.authorization, body);
        let (address, kept) = (self.address, self.connection.take());
        let (answer, connection) = self.runtime.block_on(async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::open(address).await?,
            };
            let answer = connection.send(request).await?;
            Ok::<_, HarnessError>((answer, connection))
        })?;
        self.connection = Some(connection);
        if answer.status.as_u16() == expected {
            return Ok(answer.body);
        }
        Err(HarnessError::Refused {
            method,
            path: path.to_owned(),
            status: answer.status.as_u16(),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        })
    }
}
