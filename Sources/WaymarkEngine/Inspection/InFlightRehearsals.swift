import Foundation
import PostgresPQ
import Waymark

/// The rehearsals of keys in flight, and what they found, counted.
struct InFlightRehearsals {
    /// How many keys of a kind are looked at. Keys of a kind stand at one point with the same steps behind them, so they differ
    /// only in values, and in which of their elements stand where.
    static let sample = 20
    /// How many keys are in memory at a time: a row may hold some hundred outputs of 256 KiB.
    private static let batch = 16

    private struct Case: Hashable {
        let saga: String
        let point: String
    }

    /// Keys of which a rehearsal found the same: how many, by the first of those that are alike.
    private typealias Counts = [UUID: Int]

    private var found: [Case: [InFlightFinding: Counts]] = [:]
    private var passed: [Case: Counts] = [:]

    /// - Throws: `PostgresError`.
    init(
        of sagas: SagaRegistry, on postgres: PostgresClient, _ statements: KeyStatements, thorough: Bool
    ) async throws {
        let declarations = Dictionary(uniqueKeysWithValues: sagas.declarations.map { ($0.name, $0) })
        let choices = sagas.declarations.flatMap { declaration in
            declaration.plan.steps.filter { $0.kind == .choice }.flatMap { [$0.name] + $0.formerNames }
        }
        let alike = statements.alike(
            of: declarations.keys.sorted(), choices: choices, limit: thorough ? Int(Int32.max) : Self.sample)
        var keys = try await postgres.query(alike).decode((UUID, UUID, Int).self)[...]
        while !keys.isEmpty {
            let batch = keys.prefix(Self.batch)
            keys = keys.dropFirst(Self.batch)
            let kinds = Dictionary(uniqueKeysWithValues: batch.map { ($0.0, (first: $0.1, count: $0.2)) })
            for row in try await postgres.query(statements.inFlight(batch.map(\.0))) {
                let row = try row.decode(InFlightRow.self)
                guard let kind = kinds[row.id], let declaration = declarations[row.saga] else { continue }
                let rehearsal = Rehearsal(of: row, by: declaration)
                // Looked at one by one, each counts for itself; else it stands for all of its kind.
                add(rehearsal, of: row, as: thorough ? (row.id, 1) : kind)
            }
        }
    }

    private mutating func add(_ rehearsal: Rehearsal, of row: InFlightRow, as kind: (first: UUID, count: Int)) {
        let place = Case(saga: row.saga, point: RecoveryPoint(row.recoveryPoint).withoutElement)
        for finding in rehearsal.findings { found[place, default: [:]][finding, default: [:]][kind.first] = kind.count }
        for step in rehearsal.passedOver {
            passed[Case(saga: row.saga, point: step), default: [:]][kind.first] = kind.count
        }
    }

    var problems: [InFlightReport.Problem] {
        found.flatMap { place, findings in
            findings.map { finding, keys in
                InFlightReport.Problem(
                    saga: place.saga, point: place.point, keys: keys.values.reduce(0, +), problem: finding.problem,
                    remedy: finding.remedy)
            }
        }.sorted { ($0.saga, $0.point, $0.problem) < ($1.saga, $1.point, $1.problem) }
    }

    var passedOver: [InFlightReport.Entry] {
        passed.map { place, keys in
            InFlightReport.Entry(
                saga: place.saga, point: place.point, keys: keys.values.reduce(0, +), isKnown: true)
        }.sorted { ($0.saga, $0.point) < ($1.saga, $1.point) }
    }
}

extension RecoveryPoint {
    fileprivate var withoutElement: String { RecoveryPoint(step: step, stage: stage).description }
}
