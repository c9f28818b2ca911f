// Addresses of a network's REST API, and what every request to it has in common. Works with Semnal and with Ultimate
// Multisite itself, whose API this is.
"use strict";

const API = "/wp-json/wu/v2";

// Where a path of the API is. People paste the address of the site, or that of its `/wp-json`.
function address(bundle, path) {
  const base = String(bundle.authData.url || "").trim().replace(/\/+$/, "").replace(/\/wp-json(\/wu\/v2)?$/, "");
  return `${base}${API}${path}`;
}

// Adds the credentials, to requests that go to the network and to no others.
function signIn(request, z, bundle) {
  const { api_key: key, api_secret: secret } = bundle.authData || {};
  if (key && request.url.startsWith(address(bundle, "/"))) {
    request.headers.Authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString("base64")}`;
  }
  return request;
}

// Says what went wrong in the words of the network's answer; who asked for it to be skipped looks for themselves.
function explainRefusal(response, z) {
  if (response.status < 400 || response.skipThrowForStatus) return response;
  const told = messageOf(response);
  if (response.status === 401) {
    throw new z.errors.Error("The API key or the API secret is not right.", "AuthenticationError", 401);
  }
  if (response.status === 429 || response.status === 503) {
    throw new z.errors.ThrottledError(told, Number(response.getHeader("retry-after")) || 60);
  }
  throw new z.errors.Error(told, "RequestError", response.status);
}

function messageOf(response) {
  try {
    const { message, detail } = JSON.parse(response.content);
    return message || String(detail || "") || `The network answered with ${response.status}.`;
  } catch {
    return `The network answered with ${response.status}, and not as its API does. Is the URL right?`;
  }
}

// Returns the events of the network: their names, descriptions and example payloads, by slug.
async function eventTypes(z, bundle) {
  const response = await z.request({ url: address(bundle, "/hooks") });
  const types = response.data;
  if (!types || typeof types !== "object" || Array.isArray(types)) {
    throw new z.errors.Error("There is no list of events at this URL.", "RequestError", response.status);
  }
  return types;
}

module.exports = { address, signIn, explainRefusal, eventTypes };
