import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import PostgresPQ
import Waymark
import WaymarkEngine
import WaymarkHTTP
import WaymarkTesting

struct Parcel: Codable, Sendable {
    struct Address: Codable, Sendable {
        let street: String
        let floor: Int?
    }

    let weight: Double
    let count: Int
    let to: Address?
}

struct Label: Codable, Sendable {
    let text: String
}

/// Does what the parcel's count says: 1 is fine, others fail in their way.
struct SendParcel: Saga {
    static let name = "send-parcel"

    var body: some Step<Parcel, Label> {
        AtomicPhase("labelled", label)
            .retry(.none)
    }

    func label(_ parcel: Parcel, _ tx: Transaction) async throws -> Label {
        switch parcel.count {
        case 402: throw Rejection(status: 402, type: "no_stamps", title: "No stamps")
        case 503: throw TransientError("later", retryAfter: .seconds(30))
        default: return Label(text: "é/\(parcel.weight)")
        }
    }
}

/// Has a parcel sent by another saga.
struct ForwardParcel: Saga {
    static let name = "forward-parcel"

    var body: some Step<Parcel, Label> {
        AtomicPhase("taken") { (parcel: Parcel, _: Transaction) in parcel }
        Child("sent", SendParcel.self, request: { (parcel: Parcel) in parcel }) { _, label in label }
    }
}

struct Sender: Principal {
    let scope: Scope
}

/// A front door with a real server behind it, on a real database.
struct Door: Sendable {
    let client: any TestClientProtocol
    let database: TestDatabase
    let orchestrator: Orchestrator

    static func with(_ body: @escaping @Sendable (Door) async throws -> Void) async throws {
        try await TestDatabase.with { try await with($0, body) }
    }

    /// - Parameter database: where the door's requests go.
    static func with(
        _ database: TestDatabase, _ body: @escaping @Sendable (Door) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let orchestrator = Orchestrator(
            postgres: database.client, sagas: try SagaRegistry([SendParcel(), SignParcel(), ForwardParcel()]),
            logger: logger)
        let door = FrontDoor(orchestrator) { request in
            try request.headers[.authorization].map { Sender(scope: try Scope($0)) }
        }
        let router = Router()
        router.add(middleware: ProblemMiddleware())
        door.addHealth(to: router)
        door.addSagas(to: router, SendParcel.self, SignParcel.self, ForwardParcel.self)
        door.addEvents(to: router, SignParcel.self)
        router.post("parcels", saga: SendParcel.self, through: door, status: .created)
        router.post(
            "letters", saga: SendParcel.self, through: door, idempotencyKey: \.to?.street, \.count,
            status: .created)
        let application = FrontDoorServer.application(
            router: router, host: "127.0.0.1", port: 0, logger: logger, onRunning: { _ in })
        try await application.test(.live) { client in
            try await body(Door(client: client, database: database, orchestrator: orchestrator))
        }
    }

    static let parcel = #"{"weight": 1.5, "count": 1}"#

    /// Posts a body; headers that are nil are left out.
    func post(
        to path: String = "/parcels", key: String? = "k1", caller: String? = "me", type: String? = "application/json",
        _ body: String = Door.parcel
    ) async throws -> TestResponse {
        var headers = HTTPFields()
        if let key, let name = HTTPField.Name("Idempotency-Key") { headers[name] = key }
        headers[.authorization] = caller
        headers[.contentType] = type
        return try await client.execute(uri: path, method: .post, headers: headers, body: ByteBuffer(string: body))
    }

    func storedKeys() async throws -> Int {
        try await database.client.query("SELECT count(*) FROM waymark.keys").decode(Int.self)[0]
    }
}

/// The members of a problem document that tests look at.
struct ProblemDocument: Decodable, Equatable {
    let type: String
    let status: Int
    let detail: String?
    let field: String?
    var child: String?
}

extension TestResponse {
    var text: String { String(buffer: body) }

    func problem() throws -> ProblemDocument {
        try JSONDecoder().decode(ProblemDocument.self, from: Data(body.readableBytesView))
    }

    var isReplay: Bool { HTTPField.Name("Idempotent-Replayed").flatMap { headers[$0] } == "true" }
}
