import AsyncHTTPClient
import Configuration
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Onboarding
@testable import Waymark
@testable import WaymarkEngine

/// A database with the application's tables, and the real sandbox as bank, carrier and mail service.
struct World: Sendable {
    /// An executable that has the application's sagas.
    static let executable = "waymark"

    let database: TestDatabase
    /// Where the sandbox is.
    let base: String

    static func with(
        _ faults: [String] = [], _ body: @escaping @Sendable (World) async throws -> Void
    ) async throws {
        let schema = try application([:]).schema
        try await TestDatabase.with(script: schema) { database in
            let arguments = ["--ledger", "{folder}/ledger"] + TestProcess.anyPort + faults
            _ = try await TestProcess.with("sandbox", arguments, database: "") { sandbox in
                try await body(World(database: database, base: "http://127.0.0.1:\(try await sandbox.port())"))
            }
        }
    }

    /// The environment of a process that uses the sandbox.
    var settings: [String: String] {
        ["BANK_API_BASE": base, "CARRIER_API_BASE": base, "MAIL_API_BASE": base]
    }

    private static func application(_ settings: [String: String]) throws -> OnboardingApplication {
        let environment = EnvironmentVariablesProvider(environmentVariables: settings)
        return OnboardingApplication(settings: ConfigReader(provider: environment))
    }

    var schema: String? { get throws { try Self.application([:]).schema } }

    /// The application's sagas: the opening of an account, and the others.
    func sagas() throws -> (OpenAccount, [any Saga]) {
        let sagas = try Self.application(settings).sagas
        return (try #require(sagas.compactMap { $0 as? OpenAccount }.first), sagas.filter { !($0 is OpenAccount) })
    }

    /// A process of its own, as far as the database can tell.
    func orchestrator() throws -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let sagas = try SagaRegistry(Self.application(settings).sagas)
        return Orchestrator(postgres: database.client, sagas: sagas, logger: logger)
    }

    func apply(
        account: String = "acc_1", address: String = "1 Road", gift: Bool = false
    ) async throws -> Outcome<AccountAnswer> {
        let application = AccountApplication(
            name: "Ann", email: "ann@example.com", address: address, account: account, gift: gift)
        return try await orchestrator().run(
            OpenAccount.self, key: IdempotencyKey("k1"), scope: Scope("applicant:ann"), request: application)
    }

    /// Has other processes do what is due until nothing is.
    func finishDue() async throws {
        while try await Completionist(orchestrator()).runOnce().claimed > 0 {}
    }

    /// Lets the application cool off, and its identity be checked.
    func coolOff() async throws {
        try await database.passTime()
        try await finishDue()
    }

    /// What a person decides arrives.
    func review(_ decision: String) async throws {
        let rows = try await database.client.query("SELECT scope, key FROM waymark.keys WHERE saga = 'open-account'")
        let (scope, key) = try #require(rows.first).decode((String, String).self)
        let delivery = try await orchestrator().signal(
            OpenAccount.self, "reviewed", key: IdempotencyKey(key), scope: Scope(scope),
            payload: ["decision": decision, "by": "Bob"])
        #expect(delivery == .delivered)
    }

    func texts(_ query: PostgresQuery) async throws -> [String] {
        try await database.client.query(query).decode(String.self)
    }

    /// The recovery point of the only key of a saga.
    func point(_ saga: String = "open-account") async throws -> String? {
        try await texts("SELECT recovery_point FROM waymark.keys WHERE saga = \(saga)").first
    }

    /// What the sandbox counts.
    func ledger() async throws -> String {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "\(base)/ledger"), timeout: .seconds(30))
        return try await String(buffer: response.body.collect(upTo: 1 << 20))
    }
}

extension Outcome {
    var response: Response? {
        if case .finished(let response, _) = self { response } else { nil }
    }

    var rejection: Rejection? {
        if case .rejected(let rejection, _) = self { rejection } else { nil }
    }

    var recoveryPoint: String? {
        if case .inProgress(let progress) = self { progress.recoveryPoint } else { nil }
    }
}
