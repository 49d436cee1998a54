import Foundation
import Hummingbird
import HummingbirdTesting
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine
import WaymarkHTTP
import WaymarkTesting

/// A request with a member of every kind that a form or JSON can spell.
struct Declaration: Codable, Sendable {
    let amount: Decimal
    let exact: UInt64
    let weight: Double
    let count: Int
    let note: String
    let due: Date?
    let tags: [String]?
    let extra: [String: String]?
}

/// What was declared, as it was understood.
struct Receipt: Codable, Sendable {
    let amount: Decimal
    let count: Int
    let exact: UInt64
    let note: String
}

/// Leaves one row and gives the receipt: nothing in it can fail for a request that was let in.
struct DeclareGoods: Saga {
    static let name = "declare-goods"

    var body: some Step<Declaration, Receipt> {
        AtomicPhase("declared", declare)
            .retry(.none)
    }

    func declare(_ goods: Declaration, _ tx: Transaction) async throws -> Receipt {
        try await tx.execute("INSERT INTO goods.declared VALUES (\(tx.key.id), \(goods.note), \(String(goods.exact)))")
        return Receipt(amount: goods.amount, count: goods.count, exact: goods.exact, note: goods.note)
    }
}

struct Seal: Codable, Sendable {
    let by: String
}

/// Waits for a seal.
struct AwaitSeal: Saga {
    static let name = "await-seal"

    var body: some Step<Declaration, Seal> {
        WaitFor("sealed", event: Seal.self, timeout: .hours(48)) { (_: Declaration, seal: Seal?) in
            seal ?? Seal(by: "nobody")
        }
    }
}

/// A front door for generated requests, called through its router: no socket, so that a hundred thousand fit in a test.
struct GoodsDoor: Sendable {
    let client: any TestClientProtocol
    let database: TestDatabase

    static func with(_ body: @escaping @Sendable (GoodsDoor) async throws -> Void) async throws {
        let tables = """
            CREATE SCHEMA goods;
            CREATE TABLE goods.declared (key_id uuid PRIMARY KEY, note text NOT NULL, exact text NOT NULL);
            """
        try await TestDatabase.with(script: tables) { database in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let orchestrator = Orchestrator(
                postgres: database.client, sagas: try SagaRegistry([DeclareGoods(), AwaitSeal()]), logger: logger)
            let door = FrontDoor(orchestrator) { request in
                try request.headers[.authorization].map { Sender(scope: try Scope($0)) }
            }
            let router = Router()
            router.add(middleware: ProblemMiddleware())
            door.addHealth(to: router)
            door.addSagas(to: router, DeclareGoods.self, AwaitSeal.self)
            door.addEvents(to: router, AwaitSeal.self)
            router.post("goods", saga: DeclareGoods.self, through: door, status: .created)
            try await Application(router: router, logger: logger).test(.router) { client in
                try await body(GoodsDoor(client: client, database: database))
            }
        }
    }

    func send(_ request: GeneratedRequest) async throws -> TestResponse {
        try await client.execute(
            uri: request.path, method: request.method, headers: request.fields, body: ByteBuffer(bytes: request.body))
    }
}
