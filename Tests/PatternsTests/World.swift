import HTTPTypes
import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

@testable import Patterns

/// How a step is stopped between its effect and the commit of its recovery point.
enum Interruption: String, CaseIterable, Sendable {
    /// The foreign system closes the connection; the same runner tries again.
    case lostAnswer
    /// The holder never comes back; another process's completionist takes over.
    case deadHolder
}

/// A migrated database with a pattern's tables, and a foreign system.
struct World: Sendable {
    let database: TestDatabase
    let system: ForeignSystem
    let service: HTTPService

    static func with(_ schema: String? = nil, _ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await TestDatabase.with(script: schema) { database in
            let system = ForeignSystem()
            try await ForeignServer(system: system).serve { base in
                try await body(World(database: database, system: system, service: HTTPService(base: base)))
            }
        }
    }

    /// A process of its own, as far as the database can tell.
    func orchestrator(of saga: any Saga, on postgres: PostgresClient? = nil) throws -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Orchestrator(
            postgres: postgres ?? database.client, sagas: try SagaRegistry([saga]), logger: logger)
    }

    func run<S: Saga>(
        _ saga: S, _ request: S.Request, key: String = "k1", on postgres: PostgresClient? = nil
    ) async throws -> Outcome<S.Response> {
        try await orchestrator(of: saga, on: postgres).run(
            S.self, key: IdempotencyKey(key), scope: Scope("tenant:1"), request: request)
    }

    /// Runs a saga whose first request of `method` is carried out and not answered.
    func run<S: Saga>(
        _ saga: S, _ request: S.Request, _ interruption: Interruption, at method: HTTPRequest.Method
    ) async throws -> Outcome<S.Response> {
        switch interruption {
        case .lostAnswer:
            system.loseAnswer(to: method)
            return try await run(saga, request)
        case .deadHolder:
            let release = system.holdAnswer(to: method)
            defer { release() }
            let holder = Task { try await run(saga, request) }
            try await eventually("the effect is there") {
                system.answers.contains { $0.hasPrefix(method.rawValue) }
            }
            try await database.client.execute("UPDATE waymark.keys SET lease_until = now(), run_at = now()")
            let completionist = Completionist(try orchestrator(of: saga))
            #expect(try await completionist.runOnce().finished == 1)
            release()
            return try await holder.value
        }
    }

    /// Runs a saga whose first COMMIT loses its connection.
    /// - Parameter isCommitted: whether the server got it, and only the answer is lost.
    func run<S: Saga>(_ saga: S, _ request: S.Request, isCommitted: Bool) async throws -> Outcome<S.Response> {
        let proxy = try await FaultProxy.start(upstream: database.upstream)
        let outcome = try await withPostgres(database.url(through: proxy), preparedStatements: false) { client in
            proxy.cutAfter(pattern: "COMMIT\0", times: 1, forward: isCommitted)
            let outcome = try await run(saga, request, on: client)
            // The proxy counts a cut when the server too has let go.
            try await eventually("the connection was cut") { proxy.counters.cuts == 1 }
            return outcome
        }
        await proxy.stop()
        return outcome
    }

    /// Removes the finished keys, as if their retention were over.
    func reap() async throws {
        try await database.client.execute("UPDATE waymark.keys SET expires_at = now()")
        #expect(try await Reaper(postgres: database.client).runOnce() > 0)
    }

    /// The only column of the only row.
    func value<Value: PostgresDecodable & Decodable>(_ query: PostgresQuery, as type: Value.Type) async throws -> Value
    {
        try #require(try await database.client.query(query).single()).decode(type)
    }
}

extension Outcome {
    var response: Response? {
        if case .finished(let response, _) = self { response } else { nil }
    }

    var isReplay: Bool {
        if case .finished(_, let replayed) = self { replayed } else { false }
    }

    var rejection: Rejection? {
        if case .rejected(let rejection, _) = self { rejection } else { nil }
    }
}
