import AsyncHTTPClient
import Configuration
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Fulfilment
@testable import Waymark
@testable import WaymarkEngine

/// A database with the application's tables, and the real sandbox as carrier and mail service.
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
    var settings: [String: String] { ["CARRIER_API_BASE": base, "MAIL_API_BASE": base] }

    private static func application(_ settings: [String: String]) throws -> FulfilmentApplication {
        let environment = EnvironmentVariablesProvider(environmentVariables: settings)
        return FulfilmentApplication(settings: ConfigReader(provider: environment))
    }

    var schema: String? { get throws { try Self.application([:]).schema } }

    func saga() throws -> ShipOrder {
        try #require(Self.application(settings).sagas.compactMap { $0 as? ShipOrder }.first)
    }

    /// A process of its own, as far as the database can tell.
    /// - Parameter changes: what of its environment is different.
    func orchestrator(_ changes: [String: String] = [:]) throws -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let sagas = try SagaRegistry(Self.application(settings.merging(changes) { $1 }).sagas)
        return Orchestrator(postgres: database.client, sagas: sagas, logger: logger)
    }

    /// Ships one piece of each item, in a parcel of its own.
    func ship(
        _ items: [String], quantity: Int = 1, address: String = "1 Road", key: String = "k1",
        _ changes: [String: String] = [:]
    ) async throws -> Outcome<Shipment> {
        let order = Order(
            email: "ann@example.com", address: address, parcels: items.map { Order.Line(item: $0, quantity: quantity) })
        return try await orchestrator(changes).run(
            ShipOrder.self, key: IdempotencyKey(key), scope: Scope("customer:ann"), request: order)
    }

    /// Lets time pass, and has other processes do what is due, until the request has its answer.
    func finish() async throws {
        try await eventually("the order is finished") {
            try await database.passTime()
            _ = try await Completionist(orchestrator()).runOnce()
            return try await database.client.query("SELECT FROM waymark.keys WHERE NOT done").isEmpty
        }
    }

    func texts(_ query: PostgresQuery) async throws -> [String] {
        try await database.client.query(query).decode(String.self)
    }

    /// How many pieces of an item are in stock.
    func stock(_ item: String) async throws -> Int? {
        try await database.client.query("SELECT quantity FROM fulfilment.stock WHERE item = \(item)").decode(Int.self)
            .first
    }

    /// What the carrier was told to do, oldest first.
    func bookings() async throws -> [Booking] {
        try JSONDecoder().decode([Booking].self, from: Data(try await get("/ledger/bookings").utf8))
    }

    struct Booking: Decodable {
        let object: String
        let reference: String
        let description: String
        let cancelled: Bool
    }

    /// What the sandbox counts.
    func ledger() async throws -> String { try await get("/ledger") }

    private func get(_ path: String) async throws -> String {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: base + path), timeout: .seconds(30))
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
}
