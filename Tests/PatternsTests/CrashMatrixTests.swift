import Foundation
import Testing
import Waymark
import WaymarkTesting

@testable import Patterns

/// Every pattern with every fault at every boundary, against a foreign system that is reached over HTTP.
@Suite struct CrashMatrixTests {
    /// An account, a member, a cart.
    private let id = UUID()

    @Test func pointsAreCountedOnce() async throws {
        let member = "INSERT INTO patterns.members (id) VALUES ('\(id)');"
        try await run(AddPoints.schema + member, EarnedPoints(member: id, points: 5)) {
            AddPoints(partner: HTTPCounters(service: $0))
        }
    }

    @Test func anAccountIsClosedOnce() async throws {
        let mailbox = UUID()
        let account = "INSERT INTO patterns.accounts (id, mailbox) VALUES ('\(id)', '\(mailbox)');"
        try await run(CloseAccount.schema + account, AccountClosure(account: id)) {
            $0.mailboxes[mailbox.uuidString] = .there
        } saga: {
            CloseAccount(mailboxes: HTTPMailboxes(service: $0))
        }
    }

    @Test func aCartIsOrderedOnce() async throws {
        let cart = "INSERT INTO patterns.carts (id) VALUES ('\(id)');"
        try await run(OrderCart.schema + cart, CartOrder(cart: id)) { _ in OrderCart() }
    }

    @Test func aQuotaIsRaisedOnce() async throws {
        try await run(nil, QuotaRaise(account: id, gigabytes: 5)) {
            $0.quotas[id.uuidString] = 10
        } saga: {
            RaiseQuota(quotas: HTTPQuotas(service: $0))
        }
    }

    @Test func aMachineIsCreatedOnce() async throws {
        try await run(CreateMachine.schema, MachineOrder(size: "small")) {
            CreateMachine(provider: HTTPMachines(service: $0))
        }
    }

    private func run<S: Saga>(
        _ script: String?, _ request: S.Request,
        contents: @escaping @Sendable (inout ForeignSystem.Contents) -> Void = { _ in },
        saga: @escaping @Sendable (HTTPService) -> S
    ) async throws {
        try await World.with { world in
            let matrix = CrashMatrix(saga(world.service), script: script).recording {
                world.system.change {
                    $0 = ForeignSystem.Contents()
                    contents(&$0)
                }
            } record: {
                world.system.contents.lines
            }
            let report = try await matrix.run(request)
            print(report.summary)
            #expect(report.untouched.isEmpty)
        }
    }
}

extension ForeignSystem.Contents {
    /// One line for each thing that is kept, without the names that are drawn.
    fileprivate var lines: [String] {
        quotas.values.map { "quota \($0)" } + mailboxes.values.map { "mailbox \($0)" }
            + machines.values.map { "machine \($0)" }
            + counters.values.flatMap { $0.values.map { "points \($0)" } }
    }
}
