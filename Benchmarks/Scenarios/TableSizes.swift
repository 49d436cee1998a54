import Foundation
import PostgresPQ
import RocketRides
import Waymark
import WaymarkEngine

/// What a claim and a ride cost beside millions of finished keys, against the empty table.
struct TableSizes: Scenario {
    let name = "table-size"

    func run(in lab: Lab) async throws -> [Row] {
        try await measure(lab.plan.tableSizes, [], in: lab)
    }

    /// What is measured on one table.
    private struct Table {
        let size: Int
        let database: Database
        let orchestrator: Orchestrator
        let payments: CountingPayments
        let keysBefore: Int
    }

    /// Fills one table after the other, keeps them open, and measures them in turn.
    private func measure(_ sizes: [Int], _ open: [Table], in lab: Lab) async throws -> [Row] {
        guard let size = sizes.first else { return try await compare(open, in: lab) }
        return try await lab.withDatabase("size_\(size)", RideTables.schema, countsStatements: true) { database in
            let payments = CountingPayments()
            return try await database.withOrchestrator([BookRide(payments: payments), Notify()]) { orchestrator in
                try await orchestrator.run(
                    Notify.self, key: .fresh(), scope: Scope("user:1"), request: Notice()
                ).requireFinished()
                try await PreparedKeys.copyFinished(size, isExpired: false, in: database)
                let megabytes = try await database.number("SELECT pg_total_relation_size('waymark.keys') / 1e6")
                lab.say("  \(size) finished keys: \(Int(megabytes)) MB")
                let table = Table(
                    size: size, database: database, orchestrator: orchestrator, payments: payments,
                    keysBefore: size + 1)
                return try await measure(Array(sizes.dropFirst()), open + [table], in: lab)
            }
        }
    }

    private func compare(_ tables: [Table], in lab: Lab) async throws -> [Row] {
        let riders = try Riders()
        let loop = ClosedLoop(inFlight: Lab.connections)
        let rides = try await lab.alternate(
            on: tables[0].database,
            tables.map { table -> Lab.Side in
                { seconds in
                    try await loop.run(seconds: seconds) { try await riders.book($0, through: table.orchestrator) }
                }
            })
        for _ in 1...lab.plan.rounds {
            for table in tables { try await Self.finishAbandoned(lab.plan.keys, on: table) }
        }
        let claimed = lab.plan.keys * lab.plan.rounds
        var claims: [Double] = []
        for table in tables { claims.append(try await Self.claimMilliseconds(on: table)) }
        var rows: [Row] = []
        for (index, table) in tables.enumerated().dropFirst() {
            let problems = try await Self.problems(table, rides: rides[index], claimed: claimed)
            rows.append(
                Row(
                    "claim beside \(table.size) finished keys, to none", "ms", ours: claims[index],
                    yardstick: claims[0], target: .atMost(1.2), problems: problems))
            rows.append(
                Row(
                    "ride beside \(table.size) finished keys, to none", "rides/s", ours: rides[index].rate,
                    yardstick: rides[0].rate, target: .atLeast(0.83), problems: problems))
        }
        return rows
    }

    /// Has abandoned keys claimed, in batches, and finished.
    private static func finishAbandoned(_ keys: Int, on table: Table) async throws {
        let notice = String(decoding: try JSONEncoder().encode(Notice()), as: UTF8.self)
        try await PreparedKeys.abandon(keys, saga: Notify.name, request: notice, in: table.database)
        let completionist = Completionist(table.orchestrator)
        while try await completionist.runOnce().claimed > 0 {}
    }

    /// What the server took for one claim of a batch, on average.
    private static func claimMilliseconds(on table: Table) async throws -> Double {
        try await table.database.number(
            """
            SELECT sum(total_exec_time) / sum(calls) FROM pg_stat_statements
            WHERE query LIKE '\(KeyStatements.claimDueBeginning)%'
                AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            """)
    }

    private static func problems(_ table: Table, rides: Series, claimed: Int) async throws -> [String] {
        var problems = rides.problems
        if table.payments.charges != rides.done {
            problems.append("charges: \(table.payments.charges) instead of \(rides.done)")
        }
        return try await problems
            + table.database.differences(
                from: table.keysBefore + rides.done + claimed,
                ["keys finished": "SELECT count(*) FROM waymark.keys WHERE done AND response_status = 200"])
    }
}
