import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

@testable import Withdrawal

/// A migrated database with the example's tables, and the sandbox's bank as a real process.
struct World: Sendable {
    static let owner = "customer1@example.com"
    /// The bank carries out what it was sent at once.
    static let quick: Duration = .milliseconds(500)

    let database: TestDatabase
    let sandboxPort: Int

    /// - Parameter faults: the sandbox's options.
    static func with(_ faults: [String] = [], _ body: @escaping @Sendable (World) async throws -> Void) async throws {
        let schema = String(decoding: PackageResources.schema_sql, as: UTF8.self)
        // One account that the bank finds empty, and one of which it cannot tell.
        let accounts = """
            INSERT INTO withdrawal.accounts (id, owner, currency, balance)
            SELECT id, '\(owner)', 'eur', 1000 FROM unnest(ARRAY['empty_1', 'murky_1']) AS id;
            """
        try await TestDatabase.with(script: schema + accounts) { database in
            let arguments = ["--ledger", "{folder}/ledger"] + TestProcess.anyPort + faults
            _ = try await TestProcess.with("sandbox", arguments, database: "") { sandbox in
                try await body(World(database: database, sandboxPort: sandbox.port()))
            }
        }
    }

    /// Where the sandbox listens.
    var base: String { "http://127.0.0.1:\(sandboxPort)" }

    func bank(timeout: Duration = .seconds(10), processing: Duration = quick) -> Bank {
        Bank(base: base, token: "test", timeout: timeout, processing: processing)
    }

    func orchestrator(_ bank: Bank) throws -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Orchestrator(
            postgres: database.client, sagas: try SagaRegistry([WithdrawFunds(bank: bank)]), logger: logger)
    }

    /// Asks for a withdrawal until there is an answer, or a person is needed.
    func withdraw(
        _ amount: Int = 100, from account: String = "acc_1", key: String = "k1", at bank: Bank? = nil
    ) async throws -> Outcome<Payout> {
        let orchestrator = try orchestrator(bank ?? self.bank(timeout: Self.quick))
        let customer = Customer(email: Self.owner, scope: try Scope("customer:1"))
        let request = try WithdrawalRequest(WithdrawalFields(account: account, amount: amount), for: customer)
        return try await eventually("the withdrawal is answered", within: .seconds(60)) {
            let outcome = try await orchestrator.run(
                WithdrawFunds.self, key: IdempotencyKey(key), scope: customer.scope, request: request)
            if case .inProgress = outcome { return nil }
            return outcome
        }
    }

    /// What an account holds, and how much of it is promised.
    func account(_ id: String = "acc_1") async throws -> [Int] {
        let rows = try await database.client.query(
            "SELECT balance, reserved FROM withdrawal.accounts WHERE id = \(id)")
        let (balance, reserved) = try #require(rows.first).decode((Int, Int).self)
        return [balance, reserved]
    }

    func journal() async throws -> [String] {
        try await database.client.query(
            """
            SELECT e ->> 'step' || coalesce(' ' || (e ->> 'mark'), '')
            FROM waymark.keys, jsonb_array_elements(journal) WITH ORDINALITY AS e(e, n) ORDER BY id, n
            """
        ).decode(String.self)
    }

    /// The bank's own books.
    struct Books: Decodable {
        let withdrawals: Int
        let duplicateWithdrawals: Int
        let statementOutages: Int
        let messages: Int
    }

    func books() async throws -> Books {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "\(base)/ledger"), timeout: .seconds(30))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try await decoder.decode(Books.self, from: Data(response.body.collect(upTo: 1 << 20).readableBytesView))
    }

    /// Changes the sandbox's faults.
    func change(_ rates: String) async throws {
        var request = HTTPClientRequest(url: "\(base)/control")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: rates))
        #expect(try await HTTPClient.shared.execute(request, timeout: .seconds(30)).status == .ok)
    }
}

extension Outcome {
    var response: Response? {
        if case .finished(let response, _) = self { response } else { nil }
    }

    var rejection: Rejection? {
        if case .rejected(let rejection, _) = self { rejection } else { nil }
    }

    var parkedReason: ParkedReason? {
        if case .parked(let reason) = self { reason } else { nil }
    }
}
