import HTTPTypes
import Hummingbird
import PostgresPQ
import Waymark
import WaymarkHTTP

/// A customer, as the example's authentication finds one.
struct Customer: Principal {
    let email: String
    let scope: Scope

    /// THIS IS AN EXAMPLE'S AUTHENTICATION, AND NONE AT ALL: it believes whatever e-mail address the Authorization header
    /// holds, if an account belongs to it. A real service checks a token here.
    static func authenticated(by request: Request, in postgres: PostgresClient) async throws -> Customer? {
        guard let email = request.headers[.authorization] else { return nil }
        let known = try await postgres.query("SELECT FROM withdrawal.accounts WHERE owner = \(email) LIMIT 1")
        return known.isEmpty ? nil : Customer(email: email, scope: try Scope("customer:\(email)"))
    }
}
