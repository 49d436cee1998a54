import Configuration
import RocketRides

/// The demo's tables, and what must be as many as the rides that were answered.
enum RideTables {
    static var schema: String {
        get throws {
            let settings = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: [:]))
            return try RocketRidesApplication(settings: settings).schema ?? ""
        }
    }

    static let counts = [
        "keys finished": "SELECT count(*) FROM waymark.keys WHERE done AND response_status = 200",
        "keys": "SELECT count(*) FROM waymark.keys",
        "rides booked": "SELECT count(*) FROM rocket_rides.rides WHERE state = 'booked'",
        "rides": "SELECT count(*) FROM rocket_rides.rides",
        "audit records": "SELECT count(*) FROM rocket_rides.audit_records",
        "jobs": "SELECT count(*) FROM waymark.jobs",
    ]

    /// Compares the tables and the charges with what was answered.
    static func problems(of answered: Series, _ payments: CountingPayments, on database: Database) async throws
        -> [String]
    {
        var problems = try await answered.problems + database.differences(from: answered.done, counts)
        if payments.charges != answered.done {
            problems.append("charges: \(payments.charges) instead of \(answered.done)")
        }
        return problems
    }
}
