//! Judges the port of an endpoint URL. Called by the gate only.

use super::{UrlDenied, excerpt};

/// Ports that no HTTP receiver has: the "bad ports" of the Fetch standard
/// (<https://fetch.spec.whatwg.org/#port-blocking>), which guard protocols that would take a request for
/// commands of their own. Ascending.
const FETCH_BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Ports of databases, queues and control planes, which are never webhook receivers and which act on what
/// they are sent. From the service name registry of IANA and the documentation of each product.
const SERVICE_PORTS: [(u16, &str); 24] = [
    (445, "SMB"),
    (1433, "Microsoft SQL Server"),
    (1521, "Oracle Database"),
    (2181, "ZooKeeper"),
    (2375, "Docker"),
    (2376, "Docker"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3306, "MySQL"),
    (3389, "Remote Desktop"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (6379, "Redis"),
    (6443, "the Kubernetes API"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (10250, "the kubelet"),
    (10255, "the kubelet"),
    (11211, "memcached"),
    (27017, "MongoDB"),
    (27018, "MongoDB"),
];

/// Reads a port as it must be written: decimal digits, no sign, no leading zero, 65535 at most.
pub(super) fn parse(text: &str) -> Result<u16, UrlDenied> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    match text.parse::<u16>() {
        Ok(port) if is_plain => Ok(port),
        _ => Err(UrlDenied::InvalidPort { port: excerpt(text) }),
    }
}

/// Denies the ports of services that are not webhook receivers.
pub(super) fn judge(port: u16) -> Result<(), UrlDenied> {
    if FETCH_BAD_PORTS.binary_search(&port).is_ok() {
        return Err(UrlDenied::DeniedPort { port, service: "a protocol other than HTTP" });
    }
    match SERVICE_PORTS.iter().find(|(denied, _)| *denied == port) {
        Some((_, service)) => Err(UrlDenied::DeniedPort { port, service }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::FETCH_BAD_PORTS;

    #[test]
    fn the_bad_ports_are_sorted_for_the_binary_search() {
        assert!(FETCH_BAD_PORTS.is_sorted());
    }
}
