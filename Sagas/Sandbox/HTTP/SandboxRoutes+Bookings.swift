import HTTPTypes
import Hummingbird

extension SandboxRoutes {
    /// The carrier's.
    func addBookingRoutes(to router: Router<SandboxContext>) {
        for kind in Booking.Kind.allCases {
            router.post("/v1/\(kind.rawValue)s") { request, context in
                try await mutate(request, context) { body, key in
                    await service.book(kind, try Self.fields(body, type: request.headers[.contentType]), key: key)
                }
            }
            router.delete("/v1/\(kind.rawValue)s/:id") { request, context in
                let id = try context.parameters.require("id")
                return try await mutate(request, context) { _, key in await service.cancel(kind, id: id, key: key) }
            }
        }
    }
}
