import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Subprocess
import WaymarkTesting

@testable import sandbox

/// A service over a fresh ledger, without HTTP.
func makeService(
    _ rates: Rates = Rates(),
    seed: UInt64 = 42,
    path: String = temporaryPath()
) throws -> SandboxService {
    SandboxService(ledger: try Ledger(path: path), seed: seed, rates: rates)
}

/// A service over the ledger of one that is gone.
///
/// A process that was being started meanwhile has inherited the old one's file, and with it the lock, until it runs its
/// program.
func reopenService(path: String) async throws -> SandboxService {
    try await eventually("the ledger is free") {
        do {
            return try makeService(path: path)
        } catch let error as LedgerError where error.description.hasPrefix("another process keeps") {
            return nil
        }
    }
}

/// A name that nothing has yet, in a folder that goes with this process.
func temporaryPath() -> String { "\(temporaryFolder)/\(UUID().uuidString)" }

private let temporaryFolder: String = {
    let path = NSTemporaryDirectory() + "sandbox-tests-\(getpid())"
    // The tests that need it fail where it cannot be made.
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: temporaryFolder) }
    return path
}()

/// A charge's parameters.
func form(_ changes: [String: String] = [:]) -> [String: String] {
    ["amount": "2000", "currency": "usd", "customer": "cus_1", "description": "ride 1"]
        .merging(changes) { $1 }
}

/// A withdrawal's fields.
func fields(_ changes: [String: String] = [:]) -> [String: String] {
    ["account": "acc_1", "amount": "2500", "currency": "eur", "reference": "payout 1"]
        .merging(changes) { $1 }
}

/// A withdrawal in the bank's answers.
struct ShownWithdrawal: Decodable, Equatable {
    let id: String
    let account: String
    let amount: Int
    let currency: String
    let reference: String
    let created: Int
}

/// The bank's statement.
struct ShownStatement: Decodable {
    let data: [ShownWithdrawal]
}

extension Reply {
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body.utf8))
    }
}

extension SandboxService.Outcome {
    /// The answer, of one that was not dropped.
    var reply: Reply? {
        guard case .reply(let reply) = self else { return nil }
        return reply
    }
}

/// The sandbox as its own process.
struct RunningSandbox: Sendable {
    let port: Int
    let process: TestProcess

    struct Answer: Sendable {
        let status: Int
        let body: String
        let isReplayed: Bool

        func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(type, from: Data(body.utf8))
        }
    }

    /// Runs the real executable for the length of `body`, then asks it to stop (unless it is gone).
    ///
    /// - Returns: How it ended.
    @discardableResult
    static func run(
        ledger: String,
        _ arguments: [String] = [],
        _ body: (RunningSandbox) async throws -> Void
    ) async throws -> TerminationStatus {
        let all = ["--ledger", ledger] + TestProcess.anyPort + arguments
        return try await TestProcess.with("sandbox", all, database: "") { process in
            try await body(RunningSandbox(port: process.port(), process: process))
        }.status
    }

    /// Posts and reads the whole answer.
    func post(
        _ path: String,
        body: String,
        key: String? = nil,
        token: String? = "sk_test",
        type: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .POST
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let type { request.headers.add(name: "Content-Type", value: type) }
        request.body = .bytes(ByteBuffer(string: body))
        return try await send(request)
    }

    func get(_ path: String, token: String? = "sk_test") async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return try await send(request)
    }

    func delete(_ path: String, key: String? = nil) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = .DELETE
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        request.headers.add(name: "Authorization", value: "Bearer sk_test")
        return try await send(request)
    }

    func summary() async throws -> LedgerSummary {
        try await get("/ledger").decode(LedgerSummary.self)
    }

    private func send(_ request: HTTPClientRequest) async throws -> Answer {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 20)
        return Answer(
            status: Int(response.status.code),
            body: String(buffer: body),
            isReplayed: response.headers.first(name: "Idempotent-Replayed") == "true"
        )
    }
}
