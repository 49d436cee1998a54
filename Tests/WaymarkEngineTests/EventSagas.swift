import Foundation
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine
import WaymarkTesting

struct Approval: Codable, Sendable, Equatable {
    let by: String
    var limit = 100
    var note: String?
}

struct Purchased: Codable, Sendable, Equatable {
    let item: String
    /// Nil when the time was over.
    let approval: Approval?
}

/// Waits for an approval in the middle; the steps around it ask their script.
struct Purchase: Saga {
    static let name = "purchase"
    let script: Script

    var body: some Step<Order, Purchased> {
        AtomicPhase("requested", request)
        ForeignCall("priced", .natural, price)
            .compensate(unprice)
        WaitFor("approved", event: Approval.self, timeout: .hours(48), Purchase.approve)
        AtomicPhase("bought", buy)
    }

    func request(_ order: Order, _ tx: Transaction) async throws -> Order { order }

    func price(_ order: Order, _ call: Call) async throws -> Order {
        try await script.perform("priced", call.idempotencyKey)
        return order
    }

    func unprice(_ order: Order, _ call: Call) async throws {
        try await script.perform("unpriced", call.idempotencyKey)
    }

    static func approve(_ order: Order, _ approval: Approval?) throws -> Purchased {
        if approval?.limit == 0 { throw Rejection(status: 403, type: "refused", title: "Refused") }
        return Purchased(item: order.item, approval: approval)
    }

    func buy(_ purchase: Purchased, _ tx: Transaction) async throws -> Purchased {
        try await script.perform("bought", purchase.item)
        return purchase
    }
}

/// The same saga a version later, which calls the wait something else.
struct RenamedPurchase: Saga {
    static let name = "purchase"
    static let version = 2

    var body: some Step<Order, Purchased> {
        AtomicPhase("requested") { (order: Order, _: Transaction) in order }
        ForeignCall("priced", .natural) { (order: Order, _: Call) in order }
        WaitFor("consented", event: Approval.self, timeout: .hours(48), Purchase.approve)
            .renamed(from: "approved")
        AtomicPhase("bought") { (purchase: Purchased, _: Transaction) in purchase }
    }
}

struct Signature: Codable, Sendable, Equatable {
    let by: String
}

struct Consignment: Codable, Sendable {
    let parcels: [String]
}

struct SignedFor: Codable, Sendable, Equatable {
    let signatures: [String]
}

/// Waits for a signature for each parcel, at the same time.
struct Consign: Saga {
    static let name = "consign"
    let script: Script

    var body: some Step<Consignment, SignedFor> {
        ForeignCall("packed", .natural, pack)
        ForEach("handed_over", over: \Consignment.parcels, concurrency: 10, join: Self.collect) {
            WaitFor("signed", event: Signature.self, timeout: .hours(48), Self.sign)
        }
    }

    func pack(_ consignment: Consignment, _ call: Call) async throws -> Consignment {
        try await script.perform("packed", call.idempotencyKey)
        return consignment
    }

    static func sign(_ parcel: String, _ signature: Signature?) -> String {
        "\(parcel): \(signature?.by ?? "nobody")"
    }

    static func collect(_ consignment: Consignment, _ signatures: [String]) -> SignedFor {
        SignedFor(signatures: signatures)
    }
}

extension Harness {
    /// Runs the sagas that wait for events.
    static func withEvents(
        connections: Int = 6, _ body: @escaping @Sendable (Harness) async throws -> Void
    ) async throws {
        let script = Script()
        try await TestDatabase.with(connections: connections) { database in
            try await body(
                Harness(database: database, script: script, sagas: [Purchase(script: script), Consign(script: script)]))
        }
    }

    init(database: TestDatabase, script: Script, sagas: [any Saga]) throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        self.database = database
        self.script = script
        orchestrator = Orchestrator(postgres: database.client, sagas: try SagaRegistry(sagas), logger: logger)
        scope = try Scope("tenant:1")
    }

    func purchase(_ key: String) async throws -> Outcome<Purchased> {
        try await orchestrator.run(
            Purchase.self, key: IdempotencyKey(key), scope: scope, request: Order(item: "press"))
    }

    func consign(_ key: String, parcels: [String]) async throws -> Outcome<SignedFor> {
        try await orchestrator.run(
            Consign.self, key: IdempotencyKey(key), scope: scope, request: Consignment(parcels: parcels))
    }

    func approve(_ key: String, _ approval: Approval = Approval(by: "mara")) async throws -> Delivery {
        try await orchestrator.signal(
            Purchase.self, "approved", key: IdempotencyKey(key), scope: scope, payload: approval)
    }

    func sign(_ key: String, _ element: Int, by name: String) async throws -> Delivery {
        try await orchestrator.signal(
            Consign.self, "signed[\(element)]", key: IdempotencyKey(key), scope: scope, payload: Signature(by: name))
    }

    /// Whether a completionist may take the key now.
    func isDue(_ key: String) async throws -> Bool {
        try await row(key, "run_at <= now() AND lease_until <= now()", as: Bool.self)
    }

    /// Has the time of every wait be over.
    func letWaitsPass() async throws {
        try await database.client.execute(
            """
            UPDATE waymark.keys SET run_at = now(), progressed_at = now() - interval '49 hours',
                branches = (SELECT coalesce(jsonb_object_agg(name, state || jsonb_build_object(
                    'since', (state ->> 'since')::float8 - 176400, 'due', (state ->> 'due')::float8 - 176400)), '{}')
                    FROM jsonb_each(branches) AS branch (name, state))
            WHERE NOT done
            """)
    }
}
