public import Hummingbird
import Logging
import PostgresPQ
import Waymark

extension Problem {
    /// The problem that an error is to a client. What is none of the client's business is logged, and not told.
    init(describing error: any Error, _ logger: Logger) {
        switch error {
        case let problem as Problem: self = problem
        case let error as WaymarkError: self.init(describing: error)
        case let error as DecodingError: self.init(describing: error)
        case let error as PostgresError where error.isConnectionLost || error.code == .poolTimeout:
            logger.warning("the database cannot be reached", metadata: ["error": .string(error.message)])
            self.init(
                .unavailable, "The database cannot be reached; what was accepted goes on. Ask again with the same key.",
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

    private init(describing error: WaymarkError) {
        switch error.code {
        case .invalidKey: self.init(.invalidKey, error.message, field: error.field)
        case .invalidJSON, .invalidField, .invalidScope: self.init(.malformed, error.message, field: error.field)
        case .tooLarge: self.init(.tooLarge, error.message, field: error.field)
        case .unknownName: self.init(.notFound, error.message, field: error.field)
        case .stopping, .contended: self.init(.unavailable, error.message, retryAfter: .seconds(1))
        default: self.init(.failed, "The request failed before it was accepted.")
        }
    }

    private init(describing error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            self.init(.malformed, "The field is missing.", field: Self.path(context.codingPath + [key]))
        case .valueNotFound(let type, let context):
            self.init(
                .malformed, "The field is null; \(Self.name(type)) is expected.", field: Self.path(context.codingPath))
        case .typeMismatch(let type, let context):
            self.init(
                .malformed, "The field has the wrong type; \(Self.name(type)) is expected.",
                field: Self.path(context.codingPath))
        case .dataCorrupted(let context):
            self.init(.malformed, "The field's value is not valid.", field: Self.path(context.codingPath))
        @unknown default:
            self.init(.malformed, "The body is not what is expected.")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String? {
        keys.isEmpty ? nil : keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }

    /// What JSON calls a Swift type.
    private static func name(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "an array"
        case is [String: Any].Type: "an object"
        default: "a value of type \(type)"
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
