import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The paths, and what of HTTP the services need not know.
struct SandboxRoutes: Sendable {
    /// Far more than any charge, withdrawal or message needs.
    static let largestBodyBytes = 64 * 1024

    let service: SandboxService

    func router() -> Router<SandboxContext> {
        let router = Router(context: SandboxContext.self)
        router.post("/v1/charges") { request, context in
            try await mutate(request, context) { body, key in
                await service.charge(form: try Self.form(body), key: key)
            }
        }
        router.post("/v1/refunds") { request, context in
            try await mutate(request, context) { body, key in
                await service.refund(form: try Self.form(body), key: key)
            }
        }
        router.post("/v1/messages") { request, context in
            try await mutate(request, context, needsToken: false) { body, key in
                await service.message(json: Data(body.readableBytesView), key: key)
            }
        }
        router.get("/v1/charges/:id") { request, context in
            guard Self.hasToken(request) else { return Self.response(.unauthorized) }
            let id = try context.parameters.require("id")
            guard let charge = await service.ledger.book.charge(id) else {
                return Self.response(
                    .invalid("No such charge: '\(id)'", param: "id", code: "resource_missing", status: 404)
                )
            }
            return Self.response(Reply(status: 200, ChargeBody(charge)))
        }
        router.get("/v1/charges") { request, _ in
            guard Self.hasToken(request) else { return Self.response(.unauthorized) }
            return Self.response(await list(request))
        }
        addWithdrawalRoutes(to: router)
        addBookingRoutes(to: router)
        addTestRoutes(to: router)
        return router
    }

    /// Reads a mutation's body and key, and answers or drops it.
    func mutate(
        _ request: Request,
        _ context: SandboxContext,
        needsToken: Bool = true,
        _ body: (ByteBuffer, String?) async throws -> SandboxService.Outcome
    ) async throws -> Response {
        guard !needsToken || Self.hasToken(request) else { return Self.response(.unauthorized) }
        let bytes = try await request.body.collect(upTo: Self.largestBodyBytes)
        do {
            switch try await body(bytes, request.headers[.idempotencyKey]) {
            case .reply(let reply):
                return Self.response(reply)
            case .dropped:
                await context.dropConnection()
                return Response(status: .internalServerError)
            }
        } catch let refusal as Refusal {
            return Self.response(refusal.reply)
        }
    }

    /// `GET /v1/charges`: the newest first, of one customer if asked.
    private func list(_ request: Request) async -> Reply {
        struct Body: Encodable {
            let object = "list"
            let url = "/v1/charges"
            let hasMore: Bool
            let data: [ChargeBody]
        }
        let query = request.uri.queryParameters
        guard let limit = Int(query["limit"].map(String.init) ?? "10"), (1...100).contains(limit) else {
            return .invalid("Invalid limit: a number from 1 to 100.", param: "limit")
        }
        let customer = query["customer"].map(String.init)
        let charges = await service.ledger.book.charges.reversed().lazy.map(\.value)
            .filter { customer == nil || $0.customer == customer }
        let page = Array(charges.prefix(limit + 1))
        return Reply(status: 200, Body(hasMore: page.count > limit, data: page.prefix(limit).map(ChargeBody.init)))
    }

    /// - Throws: ``Refusal`` when it is no form.
    static func form(_ body: ByteBuffer) throws -> [String: String] {
        guard let form = [String: String](form: String(buffer: body)) else {
            throw Refusal(.invalid("The body is not application/x-www-form-urlencoded."))
        }
        return form
    }

    /// Whether there is a token. Any will do; it is neither kept nor logged.
    static func hasToken(_ request: Request) -> Bool {
        guard let value = request.headers[.authorization], value.lowercased().hasPrefix("bearer ") else { return false }
        return !value.dropFirst("bearer ".count).allSatisfy(\.isWhitespace)
    }

    static func response(_ reply: Reply) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        if reply.isReplayed { headers[.idempotentReplayed] = "true" }
        return Response(
            status: .init(code: reply.status),
            headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: reply.body + "\n"))
        )
    }
}

extension HTTPField.Name {
    // Both are valid names, as the tests that send them show.
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    static let idempotentReplayed = HTTPField.Name("Idempotent-Replayed")!
}
