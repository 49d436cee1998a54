import Testing
import WaymarkTesting

@testable import PostgresPQ

/// Several servers in one connection string, some of which do not do what they should.
@Suite struct ServerSearchTests {
    /// What a server does that takes connections and never answers: nothing reaches it within any test.
    private static let silence = FaultProxy.Rules(latencyToServer: .seconds(3_600))

    private func withTwoHosts(
        _ first: FaultProxy.Rules, _ body: @escaping @Sendable (PostgresConfiguration, FaultProxy) async throws -> Void
    ) async throws {
        try await withTestProxy { database, proxy in
            let other = try await FaultProxy.start(upstream: database.upstream)
            other.setRules(first)
            let hosts = "host=\(other.host),\(proxy.host) port=\(other.port),\(proxy.port)"
            var configuration = try PostgresConfiguration("\(database.url(through: proxy)) \(hosts)")
            configuration.connectTimeout = .seconds(2)
            do {
                try await body(configuration, other)
            } catch {
                await other.stop()
                throw error
            }
            await other.stop()
        }
    }

    @Test(.timeLimit(.minutes(1))) func aSilentFirstHostLeavesTimeForTheSecond() async throws {
        try await withTwoHosts(Self.silence) { configuration, silent in
            let connection = try await PostgresConnection.connect(configuration)
            let one = try await connection.query("SELECT 1").decode(Int.self)
            #expect(one == [1])
            await connection.close()
            #expect(silent.counters.connections == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func theHostThatAnsweredLastIsTriedFirst() async throws {
        try await withTwoHosts(Self.silence) { configuration, silent in
            for _ in 0..<5 {
                // The pools of a process have copies of one configuration.
                let copy = configuration
                await (try PostgresConnection.connect(copy)).close()
            }
            #expect(silent.counters.connections == 1, "it is asked once, and not for each connection")
            silent.setRules(.init())
            await (try PostgresConnection.connect(configuration)).close()
            #expect(silent.counters.connections == 1, "and what works is not left for what may work again")
        }
    }

    @Test(.timeLimit(.minutes(1))) func theTimeOfEachHostCanBeGiven() async throws {
        try await withTwoHosts(Self.silence) { configuration, silent in
            // More than both have together, so it is not the share of the whole that counts.
            var configuration = configuration.replacing(["connect_timeout": "1"])
            configuration.connectTimeout = .milliseconds(500)
            await (try PostgresConnection.connect(configuration)).close()
            #expect(silent.counters.connections == 1)
        }
    }

    /// libpq itself stops at a host that takes the connection and hangs up.
    @Test func aHostThatHangsUpIsPassedOver() async throws {
        try await withTwoHosts(.init(refusesConnections: true)) { configuration, _ in
            await (try PostgresConnection.connect(configuration)).close()
        }
    }

    @Test func theErrorNamesEveryHost() async throws {
        let configuration = try PostgresConfiguration("host=/nonexistent/a,/nonexistent/b port=1,2")
        let error = await postgresError { _ = try await PostgresConnection.connect(configuration) }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains("/nonexistent/a/.s.PGSQL.1") == true)
        #expect(error?.message.contains("/nonexistent/b/.s.PGSQL.2") == true)
    }

    @Test func aRefusalIsNotTakenToTheNextHost() async throws {
        try await withTwoHosts(.init()) { configuration, first in
            let missing = configuration.replacing(["dbname": "no_such_database"])
            let error = await postgresError { _ = try await PostgresConnection.connect(missing) }
            #expect(error?.sqlState == .databaseDoesNotExist && first.counters.connections == 1)
        }
    }

    @Test func aPreferenceIsAskedOfAllHostsFirst() async throws {
        try await withTwoHosts(.init()) { configuration, first in
            let preferring = configuration.replacing(["target_session_attrs": "prefer-standby"])
            let connection = try await PostgresConnection.connect(preferring)
            #expect(first.counters.connections == 2, "no standby in the first round, then whatever there is")
            await connection.close()
        }
    }

    @Test func listsAreTakenApartAsLibpqDoes() {
        func list(_ settings: [String: String]) -> [ServerAddress] { ServerAddress.list(in: settings) }
        let address = { ServerAddress(host: $0, hostaddr: $1, port: $2) }
        #expect(list(["host": "a,b", "port": "1,2"]) == [address("a", nil, "1"), address("b", nil, "2")])
        #expect(list(["host": "a,b", "port": "1"]) == [address("a", nil, "1"), address("b", nil, "1")])
        #expect(
            list(["host": "a,b", "hostaddr": "127.0.0.1,", "port": ""])
                == [address("a", "127.0.0.1", nil), address("b", "", nil)])
        #expect(list(["host": "a,b", "port": "1,2,3"]).count == 1, "libpq says what is wrong with it")
        #expect(list(["service": "s", "host": "a,b"]).count == 1)
    }

    @Test func everyAddressOfANameIsAServer() {
        let found = ServerAddress(host: "localhost", hostaddr: nil, port: "1").lookedUp()
        #expect(!found.isEmpty && found.allSatisfy { $0.host == "localhost" && $0.port == "1" && $0.hostaddr != nil })
        let known = KnownServers()
        let addresses = ["::1", "127.0.0.1"].map { ServerAddress(host: "localhost", hostaddr: $0, port: "1") }
        known.succeeded(addresses[1])
        #expect(known.inOrder(addresses) == [addresses[1], addresses[0]])
    }
}
