import Foundation
import Logging
import PostgresPQ
import PrivatePostgres
import WaymarkTesting

/// A primary, its standby, and a proxy between the two and before each: the network of a failover.
///
/// Clients reach both through ``url``, and get whichever takes writes.
struct ReplicatedPair: Sendable {
    let primary: PrivateCluster
    let standby: PrivateCluster
    /// What the standby streams through.
    let replication: FaultProxy
    /// What clients of the primary go through.
    let toPrimary: FaultProxy
    private let toStandby: FaultProxy
    /// A pool on whichever takes writes, past the clients' proxies.
    let client: PostgresClient

    /// Runs `body` with a pair whose standby has all that the primary has.
    static func with(_ body: @escaping @Sendable (ReplicatedPair) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let primary = try await PrivateCluster.temporary(logger: logger)
        let replication = try await FaultProxy.start(upstream: socket(of: primary))
        let standby = try await PrivateCluster.standby(
            of: primary, connection: "\(address([replication])) user=postgres", logger: logger)
        let toPrimary = try await FaultProxy.start(upstream: socket(of: primary))
        let toStandby = try await FaultProxy.start(upstream: socket(of: standby))
        let folders = "\(primary.socketDirectory),\(standby.socketDirectory)"
        let url = "host=\(folders) user=postgres dbname=postgres target_session_attrs=read-write"
        try await withPostgres(url) { client in
            let pair = ReplicatedPair(
                primary: primary, standby: standby, replication: replication, toPrimary: toPrimary,
                toStandby: toStandby,
                client: client)
            try await pair.replicate()
            try await body(pair)
        }
        for proxy in [replication, toPrimary, toStandby] { await proxy.stop() }
        for cluster in [standby, primary] { try await cluster.delete() }
    }

    /// What libpq needs to connect to whichever takes writes.
    var url: String { url([toPrimary, toStandby]) }

    /// The same, with the standby tried first.
    var urlStandbyFirst: String { url([toStandby, toPrimary]) }

    private func url(_ proxies: [FaultProxy]) -> String {
        "\(Self.address(proxies)) user=postgres dbname=postgres target_session_attrs=read-write"
    }

    var database: TestDatabase { TestDatabase(url: url, client: client) }

    /// Waits until the standby has replayed all that the primary has committed.
    func replicate() async throws {
        try await withPostgres(primary.connectionString, connections: 1) { primary in
            let end = try await primary.query("SELECT pg_current_wal_flush_lsn()::text").decode(String.self)[0]
            try await withPostgres(standby.connectionString, connections: 1) { standby in
                try await eventually("the standby has it all") {
                    try await standby.query("SELECT coalesce(pg_last_wal_replay_lsn() >= \(end)::pg_lsn, false)")
                        .decode(Bool.self)[0]
                }
            }
        }
    }

    /// Cuts the standby off: from now on it learns of no commit.
    func holdBack() async throws {
        replication.setRules(.init(refusesConnections: true))
        replication.resetAll()
        try await eventually("the standby is cut off") {
            try await client.query("SELECT FROM pg_stat_replication").isEmpty
        }
    }

    /// Has commits wait until the standby has them on record.
    func makeSynchronous() async throws {
        try await client.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        try await client.execute("SELECT pg_reload_conf()")
        try await eventually("the standby is synchronous") {
            try await client.query("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").count == 1
        }
    }

    /// Kills the primary without warning, and makes the standby one. Where it was nobody listens any more: libpq asks the
    /// next host only where one refuses, not where one accepts and hangs up.
    func failOver() async throws {
        try await killPrimary()
        try await standby.promote()
    }

    func killPrimary() async throws {
        try await primary.stop(.immediate)
        await toPrimary.stop()
    }

    private static func socket(of cluster: PrivateCluster) -> FaultProxy.Upstream {
        .unix("\(cluster.socketDirectory)/.s.PGSQL.5432")
    }

    private static func address(_ proxies: [FaultProxy]) -> String {
        let (hosts, ports) = (proxies.map(\.host), proxies.map { String($0.port) })
        return "host=\(hosts.joined(separator: ",")) port=\(ports.joined(separator: ",")) sslmode=disable "
            + "gssencmode=disable"
    }
}
