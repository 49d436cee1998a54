import AsyncHTTPClient
import Foundation
import NIOCore
import PostgresPQ
import Staging
import Subprocess
import Testing
import WaymarkClient
import WaymarkTesting

/// A pair of servers, the sandbox, and one orchestrator that reaches whichever of the servers takes writes.
struct FailoverStage: Sendable {
    let pair: ReplicatedPair
    private let sandbox: URL
    private let orchestrator: URL

    static func with(_ body: @escaping @Sendable (FailoverStage) async throws -> Void) async throws {
        try await ReplicatedPair.with { pair in
            let arguments = ["--ledger", "{folder}/ledger"] + TestProcess.anyPort
            _ = try await TestProcess.with("sandbox", arguments, database: "") { sandbox in
                let base = "http://127.0.0.1:\(try await sandbox.port())"
                let migrated = try await TestProcess.with("waymark", ["migrate"], database: pair.url) {
                    try await $0.ended()
                }
                try #require(migrated.status == .exited(0), "\(migrated.log)")
                try await pair.client.executeScript(WithdrawalOrder.schema)
                let settings = [
                    "STRIPE_API_BASE": base, "STRIPE_API_KEY": "sk_test", "MAIL_API_BASE": base, "BANK_URL": base,
                    "BANK_TIMEOUT_SECONDS": "1", "BANK_PROCESSING_SECONDS": "1",
                ]
                let ended = try await TestProcess.with(
                    "waymark", ["orchestrator", "--lease-seconds", "1"] + TestProcess.anyPort, database: pair.url,
                    settings: settings
                ) { process in
                    let port = try await process.port()
                    let stage = FailoverStage(
                        pair: pair, sandbox: try #require(URL(string: base)),
                        orchestrator: try #require(URL(string: "http://127.0.0.1:\(port)")))
                    try await body(stage)
                }
                #expect(ended.status == .exited(0), "\(ended.log)")
            }
        }
    }

    private static let ride = ["origin_lat": 52.5, "origin_lon": 13.4, "target_lat": 52.6, "target_lon": 13.5]

    private struct Withdrawal: Encodable {
        let account = "good_1"
        let amount = 10
    }

    /// Asks for a ride until there is the one answer.
    func book(_ key: String = "ride-1") async throws -> Answer {
        try await client.post("/rides", json: Self.ride, key: key, headers: ["Authorization": "rider1@example.com"])
    }

    /// Asks for a payout until there is the one answer.
    func withdraw() async throws -> Answer {
        try await client.post(
            "/withdrawals", json: Withdrawal(), key: "withdrawal-1", headers: ["Authorization": WithdrawalOrder.owner])
    }

    private var client: WaymarkClient {
        var rules = RetryRules()
        rules.cap = .seconds(1)
        return WaymarkClient(bases: { [orchestrator] }, retry: rules)
    }

    /// Stops the orchestrator at the commit that holds `pattern`, cuts the standby off there, and lets it go on: what it
    /// commits from here is what a failover loses.
    func holdBack(before pattern: String, _ ask: @escaping @Sendable () async throws -> Answer) async throws -> Answer {
        // Each try of the commit is cut, on whichever connection it comes.
        pair.toPrimary.cutAfter(pattern: pattern, times: 1_000, forward: false)
        let answer = Task { try await ask() }
        await pair.toPrimary.waitForCut()
        try await pair.replicate()
        try await pair.holdBack()
        pair.toPrimary.clearRules()
        return try await answer.value
    }

    /// The foreign systems' books.
    struct Ledger: Decodable {
        let charges: Int
        let withdrawals: Int
        let replays: Int
    }

    func ledger() async throws -> Ledger {
        let request = HTTPClientRequest(url: sandbox.appending(path: "ledger").absoluteString)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 20)
        return try JSONDecoder().decode(Ledger.self, from: Data(body.readableBytesView))
    }

    func recoveryPoints() async throws -> [String] {
        try await pair.client.query("SELECT recovery_point FROM waymark.keys").decode(String.self)
    }
}
