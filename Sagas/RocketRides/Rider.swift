import HTTPTypes
import Hummingbird
import PostgresPQ
public import Waymark
public import WaymarkHTTP

/// A rider, as the demo's authentication finds one.
public struct Rider: Principal {
    let id: Int
    let customer: String
    let email: String
    public let scope: Scope

    /// THIS IS A DEMO'S AUTHENTICATION, AND NONE AT ALL: it believes whatever e-mail address the Authorization header
    /// holds, as the public demo of this pattern does. A real service checks a token here.
    static func authenticated(by request: Request, in postgres: PostgresClient) async throws -> Rider? {
        guard let email = request.headers[.authorization] else { return nil }
        let rows = try await postgres.query(
            "SELECT id, stripe_customer_id FROM rocket_rides.users WHERE email = \(email)")
        guard let (id, customer) = try rows.decode((Int, String).self).first else { return nil }
        return Rider(id: id, customer: customer, email: email, scope: try Scope("user:\(id)"))
    }
}
