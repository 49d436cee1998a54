package import Foundation

/// Which processes there are, and how they are set up.
package struct Cast: Sendable {
    /// The name of the database.
    package var database = "rides"
    package var orchestrators = 2
    package var completionists = 1
    /// A dead process's keys are taken over after this long: short, for a run of seconds.
    package var leaseSeconds = 2.0
    /// What the sandbox is to do wrong: its options.
    package var sandboxFaults: [String] = []
    /// What Waymark's processes get in their environment besides, by name.
    package var settings: [String: String] = [:]
    /// Where one of Waymark's processes, by its name, finds what it talks to: given where it is.
    package var route: @Sendable (_ program: String, _ direct: Surroundings) async throws -> Surroundings = { $1 }

    package init() {}

    /// The orchestrators' names.
    package var orchestratorNames: [String] { (1...orchestrators).map { "orchestrator-\($0)" } }

    /// The names of the completionists, the reaper and the drain.
    package var helperNames: [String] {
        let completionists = 1...self.completionists
        return completionists.map { self.completionists == 1 ? "completionist" : "completionist-\($0)" }
            + ["reaper", "drain"]
    }
}

/// What Waymark's processes talk to.
package struct Surroundings: Sendable {
    /// What libpq needs to connect to PostgreSQL.
    package var connectionString: String
    /// The payment service, the bank and the mail service.
    package var sandbox: URL

    package init(connectionString: String, sandbox: URL) {
        self.connectionString = connectionString
        self.sandbox = sandbox
    }
}
