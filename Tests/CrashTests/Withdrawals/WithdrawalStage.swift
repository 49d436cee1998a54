import Foundation
import PostgresPQ
import Staging
import Subprocess
import Synchronization
import Testing
import WaymarkClient
import WaymarkTesting

/// Orchestrators and completionists that are killed and started again, and the clients that ask them.
final class WithdrawalStage: Sendable {
    private static let orchestrators = 2
    private static let completionists = 2
    private static let clients = 16
    /// From a process's start, in milliseconds: it dies while it starts, takes requests, takes keys over, waits for the bank.
    private static let longestLife = 1500

    let database: TestDatabase
    let plan: KillPlan
    private let settings: [String: String]
    private let clocks: [FakedClock?]
    /// Where the orchestrators listen; a killed one stays until it is back.
    private let servers = Mutex<[Int: URL]>([:])

    init(database: TestDatabase, sandboxPort: Int, plan: KillPlan, clocks: [FakedClock?] = []) {
        self.database = database
        self.plan = plan
        self.clocks = clocks
        // The bank takes a fraction of a second; what it promises leaves room for a busy machine.
        settings = [
            "BANK_URL": "http://127.0.0.1:\(sandboxPort)", "BANK_TIMEOUT_SECONDS": "1", "BANK_PROCESSING_SECONDS": "2",
        ]
    }

    /// What was asked for, with its answers: the first one, and that to a repeat when all is over.
    typealias Results = [(order: WithdrawalOrder, answer: Answer, repeated: Answer)]

    /// Has the clients ask for withdrawals until everything was killed as often as planned.
    func run() async throws -> Results {
        try await withThrowingTaskGroup(of: Results.self) { group in
            // Whatever fails, the processes must not outlive it.
            defer { plan.end() }
            for slot in 0..<Self.orchestrators + Self.completionists {
                group.addTask {
                    try await self.keepRunning(slot)
                    return []
                }
            }
            group.addTask {
                defer { self.plan.end() }
                return try await self.ask()
            }
            // The first failure, of a process or of a client, ends them all.
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    /// Has each client ask for one withdrawal after the other, and for all of them again.
    private func ask() async throws -> Results {
        try await eventually("an orchestrator listens") { servers.withLock { !$0.isEmpty } }
        let answered = try await forEachClient { client in
            var random = self.plan.random(stream: 100 + client)
            var answered: [(WithdrawalOrder, Answer)] = []
            while !self.plan.isKilled {
                let order = WithdrawalOrder(key: "\(client)-\(answered.count)", using: &random)
                answered.append((order, try await self.ask(for: order)))
            }
            return answered
        }
        let repeated = try await forEachClient { client in
            var repeated: [(WithdrawalOrder, Answer, Answer)] = []
            for (order, answer) in answered[client] {
                repeated.append((order, answer, try await self.ask(for: order)))
            }
            return repeated
        }
        return repeated.flatMap { $0.map { (order: $0.0, answer: $0.1, repeated: $0.2) } }
    }

    /// Runs one process after the other, and kills each, until the plan is carried out; then one until it is ended.
    private func keepRunning(_ slot: Int) async throws {
        let isOrchestrator = slot < Self.orchestrators
        let command = isOrchestrator ? ["orchestrator"] + TestProcess.anyPort : ["completionist"]
        var random = plan.random(stream: slot)
        let clock = clocks.isEmpty ? nil : clocks[slot]
        while !plan.isEnded {
            let life = Int.random(in: 0..<Self.longestLife, using: &random)
            let ended = try await TestProcess.with(
                "waymark", command + ["--lease-seconds", "1"], database: database.url,
                settings: settings.merging(clock?.settings ?? [:]) { own, _ in own }
            ) { process in
                if isOrchestrator {
                    let url = URL(string: "http://127.0.0.1:\(try await process.port())")
                    servers.withLock { $0[slot] = url }
                }
                guard plan.beginKill() else {
                    try await eventually("every withdrawal is answered", within: .seconds(600)) { plan.isEnded }
                    return false
                }
                // The moment is the fault itself: nothing is waited for.
                try await Task.sleep(for: .milliseconds(life))
                process.send(SIGKILL)
                try await process.ended()
                return true
            }
            #expect(ended.status == (ended.result ? .signaled(SIGKILL) : .exited(0)), "\(ended.log)")
        }
    }

    /// Asks until there is the one answer.
    private func ask(for order: WithdrawalOrder) async throws -> Answer {
        var rules = RetryRules()
        rules.deadline = .seconds(300)
        rules.cap = .seconds(1)
        let client = WaymarkClient(bases: { self.servers.withLock { Array($0.values) } }, retry: rules)
        return try await client.post(
            "/withdrawals", json: order.fields, key: order.key, headers: ["Authorization": WithdrawalOrder.owner])
    }

    private func forEachClient<Result: Sendable>(
        _ body: @escaping @Sendable (Int) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            for client in 0..<Self.clients { group.addTask { (client, try await body(client)) } }
            return try await group.reduce(into: [Int: Result]()) { $0[$1.0] = $1.1 }
                .sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
