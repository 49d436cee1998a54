public import Hummingbird
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine

extension Problem {
    /// The problem that an error is to a client. What is none of the client's business is logged, and not told.
    init(describing error: any Error, _ logger: Logger) {
        switch error {
        case let problem as Problem: self = problem
        case let error as WaymarkError: self.init(describing: error)
        case let error as DecodingError: self.init(.malformed, error.complaint, field: error.field ?? Self.body)
        case let error as PostgresError where error.isUnavailable:
            logger.warning("the database cannot be used", metadata: ["error": .string(error.message)])
            self.init(
                .unavailable,
                "The database cannot be used now; what was accepted goes on. Ask again with the same key.",
                retryAfter: .seconds(1))
        case let error as any HTTPResponseError:
            self.init(.http(error.status), error.status.reasonPhrase)
        default:
            logger.error(
                "request failed before it was accepted",
                metadata: ["error": .string("\(type(of: error)): \((error as? PostgresError)?.message ?? "\(error)")")])
            self.init(.failed, "The request failed before it was accepted.")
        }
    }

    /// What the problem is about where it is about no one field of the body.
    static let body = "body"

    private init(describing error: WaymarkError) {
        switch error.code {
        case .invalidKey: self.init(.invalidKey, error.message, field: error.field)
        case .invalidJSON, .invalidField, .invalidScope:
            self.init(.malformed, error.message, field: error.field ?? Self.body)
        case .tooLarge: self.init(.tooLarge, error.message, field: error.field ?? Self.body)
        case .unknownName: self.init(.notFound, error.message, field: error.field)
        case .stopping, .contended: self.init(.unavailable, error.message, retryAfter: .seconds(1))
        default: self.init(.failed, "The request failed before it was accepted.")
        }
    }
}

/// Answers every error of an application's routes, an unknown path included, with a problem document.
public struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    public init() {}

    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return Problem(describing: error, context.logger).response
        }
    }
}
