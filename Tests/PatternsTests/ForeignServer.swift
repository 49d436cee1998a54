import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Testing

/// The foreign system as a real HTTP server.
struct ForeignServer: Sendable {
    let system: ForeignSystem

    /// Serves on a free port of the loopback interface for the length of `body`, which is told the base address.
    func serve(_ body: @escaping @Sendable (String) async throws -> Void) async throws {
        let router = Router(context: ForeignContext.self)
        router.add(middleware: AnswerFates(system: system))
        addRoutes(to: router)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)), logger: logger)
        try await application.test(.live) { client in
            try await body("http://127.0.0.1:\(#require(client.port))")
        }
    }

    private func addRoutes(to router: Router<ForeignContext>) {
        let system = self.system
        router.get("quotas/:id") { _, context in
            let id = try context.parameters.require("id")
            guard let gigabytes = system.contents.quotas[id] else { return Response(status: .notFound) }
            let body = ByteBuffer(bytes: try JSONEncoder().encode(Body(gigabytes: gigabytes)))
            return Response(status: .ok, body: .init(byteBuffer: body))
        }
        router.put("quotas/:id") { request, context in
            let (id, body) = try await Self.read(request, context)
            system.change { $0.quotas[id] = body.gigabytes }
            return Response(status: .ok)
        }
        router.delete("mailboxes/:id") { _, context in
            let id = try context.parameters.require("id")
            return Response(
                status: system.change { contents in
                    switch contents.mailboxes[id] {
                    case .there:
                        contents.mailboxes[id] = .gone
                        return .noContent
                    case .gone: return .gone
                    case .locked: return .forbidden
                    case nil: return .notFound
                    }
                })
        }
        router.put("machines/:id") { request, context in
            let (id, body) = try await Self.read(request, context)
            guard let size = body.size, ["small", "large"].contains(size) else {
                return Response(status: .unprocessableContent)
            }
            let isConditional = request.headers[.ifNoneMatch] == "*"
            return Response(
                status: system.change { contents in
                    if isConditional, contents.machines[id] != nil { return .preconditionFailed }
                    return contents.machines.updateValue(size, forKey: id) == nil ? .created : .ok
                })
        }
        router.put("counters/:id/entries/:entry") { request, context in
            let (id, body) = try await Self.read(request, context)
            let entry = try context.parameters.require("entry")
            return Response(
                status: system.change { contents in
                    contents.counters[id, default: [:]].updateValue(body.points ?? 0, forKey: entry) == nil
                        ? .created : .ok
                })
        }
    }

    private static func read(_ request: Request, _ context: ForeignContext) async throws -> (id: String, body: Body) {
        let bytes = try await request.body.collect(upTo: 1024)
        let body = try JSONDecoder().decode(Body.self, from: Data(bytes.readableBytesView))
        return (try context.parameters.require("id"), body)
    }

    /// Every body there is.
    private struct Body: Codable {
        var gigabytes: Int?
        var size: String?
        var points: Int?
    }
}

/// A request's context that can end its connection.
struct ForeignContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

/// Lets a request be carried out, and then answers, or does not.
private struct AnswerFates: RouterMiddleware {
    let system: ForeignSystem

    func handle(
        _ request: Request, context: ForeignContext,
        next: (Request, ForeignContext) async throws -> Response
    ) async throws -> Response {
        let response = try await next(request, context)
        switch system.note(request.method, response.status.code) {
        case .given: break
        // A connection that is closed already is as good.
        case .lost: try? await context.channel.close().get()
        case .heldBack(let gate): for await _ in gate {}
        }
        return response
    }
}
