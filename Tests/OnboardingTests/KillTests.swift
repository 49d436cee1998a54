import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Subprocess
import Testing
import WaymarkTesting

/// A real process that is killed while it draws a penny from a bank that knows no keys, and another one that goes on.
@Suite struct KillTests {
    @Test func aPennyBeingDrawnIsNotDrawnAgainByTheNextProcess() async throws {
        try await World.with { world in
            let port = try #require(URL(string: world.base)?.port)
            let proxy = try await FaultProxy.start(upstream: .tcp(host: "127.0.0.1", port: port))
            // The bank is asked, and its answer never comes.
            proxy.setRules(.init(latencyToClient: .seconds(600)))
            let killed = try await process(of: world, bank: "http://\(proxy.host):\(proxy.port)") { process in
                #expect(try await apply(port: process.port()).status == .accepted, "and asleep")
                try await eventually("the penny is drawn") {
                    try await world.ledger().contains(#","withdrawals":1}"#)
                }
                #expect(try await world.point("check-identity") == "penny_drawn:begun")
                process.send(SIGKILL)
                try await process.ended()
            }
            await proxy.stop()
            #expect(killed.status == .signaled(SIGKILL))
            let other = try await process(of: world) { process in
                let port = try await process.port()
                try await eventually("the identity is checked") { try await world.point() == "reviewed:waiting" }
                try await world.review("approved")
                return try await eventually("the account is open") {
                    let answer = try await apply(port: port)
                    return [202, 409, 503].contains(answer.status.code) ? nil : answer.status
                }
            }
            #expect(other.result == .created)
            let ledger = try await world.ledger()
            #expect(ledger.contains(#","withdrawals":1}"#), "\(ledger)")
            #expect(ledger.contains(#""duplicate_withdrawals":0"#), "\(ledger)")
        }
    }

    @Test func refusesWhatIsIncompleteAndWhoIsNobody() async throws {
        try await World.with { world in
            _ = try await process(of: world) { process in
                let port = try await process.port()
                let nameless = try await apply(port: port, name: "")
                #expect(nameless.status == .badRequest)
                #expect(try await String(buffer: nameless.body.collect(upTo: 1 << 20)).contains(#""field":"name""#))
                #expect(try await apply(port: port, as: nil).status == .unauthorized)
            }
        }
    }

    /// Everything in one process, where an application cools off for a second.
    /// - Parameter bank: where the bank is, if not in the sandbox.
    private func process<Result: Sendable>(
        of world: World, bank: String? = nil, _ body: (TestProcess) async throws -> Result
    ) async throws -> TestProcess.Ended<Result> {
        var settings = world.settings
        settings["ONBOARDING_COOLING_OFF_SECONDS"] = "1"
        if let bank { settings["BANK_API_BASE"] = bank }
        return try await TestProcess.with(
            World.executable, ["dev", "--lease-seconds", "1"] + TestProcess.anyPort, database: world.database.url,
            settings: settings, body)
    }

    private func apply(
        port: Int, name: String = "Ann", as caller: String? = "ann"
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/accounts")
        request.method = .POST
        if let caller { request.headers.add(name: "Authorization", value: caller) }
        request.headers.add(name: "Idempotency-Key", value: "account-1")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(
            ByteBuffer(
                string: """
                    {"name": "\(name)", "email": "ann@example.com", "address": "1 Road", "account": "acc_1", "gift": false}
                    """))
        return try await HTTPClient.shared.execute(request, timeout: .seconds(60))
    }
}
