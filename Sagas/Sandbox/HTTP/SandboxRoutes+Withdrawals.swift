import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension SandboxRoutes {
    /// The bank's. An `Idempotency-Key` is not even looked at.
    func addWithdrawalRoutes(to router: Router<SandboxContext>) {
        router.post("/v1/withdrawals") { request, context in
            try await mutate(request, context) { body, _ in
                await service.withdraw(try Self.fields(body, type: request.headers[.contentType]))
            }
        }
        router.get("/v1/withdrawals") { request, _ in
            guard Self.hasToken(request) else { return Self.response(.unauthorized) }
            // As a form decodes it: a reference may have a plus or a space in it.
            guard let query = [String: String](form: request.uri.query ?? "") else {
                return Self.response(.invalid("The query is not application/x-www-form-urlencoded."))
            }
            do {
                return Self.response(try await service.statement(query))
            } catch let refusal as Refusal {
                return Self.response(refusal.reply)
            }
        }
    }

    /// A body of fields: JSON where it says so, a form otherwise.
    static func fields(_ body: ByteBuffer, type: String?) throws -> [String: String] {
        guard type.flatMap(MediaType.init(from:))?.isType(.applicationJson) == true else { return try form(body) }
        return try [String: String](json: Data(body.readableBytesView))
    }
}
