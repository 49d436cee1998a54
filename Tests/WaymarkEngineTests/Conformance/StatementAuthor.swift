import Foundation
import Simulation
import Waymark
import WaymarkTesting

/// Makes up statements on a few keys: mostly ones that their holder would send, and often ones that nobody should.
struct StatementAuthor {
    static let holders = ["a", "b"]
    static let points = ["started", "s0", "s1:begun", "s1", "s0:undone"]
    /// How many keys there are: few, so that statements meet.
    static let keys = 2

    var random: SeededGenerator
    private var drawn = 0

    init(random: SeededGenerator) { self.random = random }

    /// What the store is to be asked next.
    mutating func statement(_ store: ModelStore, _ accepting: (Int) throws -> NewKey) rethrows -> Statement {
        let number = Int.random(in: 0..<Self.keys, using: &random)
        let new = try accepting(number)
        guard let row = store.keys[new.context.id] else {
            return chance(4) ? .start(new) : accept(new)
        }
        // A retried statement of somebody else's fence, a step too late, on the wrong way: each now and then.
        let fence = row.fence + (chance(5) ? [-1, 1].randomElement(using: &random) ?? 1 : 0)
        let point = chance(5) ? Self.points.randomElement(using: &random) ?? "s0" : row.recoveryPoint
        let direction: Direction = chance(6) ? (row.direction == .forward ? .compensating : .forward) : row.direction
        switch Int.random(in: 0..<20, using: &random) {
        case 0: return chance(3) ? .start(new) : accept(new)
        case 1, 2: return .claim(row.id, fence: fence, by: holder())
        case 3:
            let limit = Int.random(in: 1...2, using: &random)
            // Of keys that are due at the same moment, PostgreSQL takes any first.
            let isOrdered = Set(store.keys.values.map(\.runAt)).count == store.keys.count
            return .claimDue(limit: isOrdered ? limit : store.keys.count, by: holder())
        case 4, 5: return .renew(row.id, fence: fence, by: holder())
        case 6: return .reap(limit: Int.random(in: 1...2, using: &random))
        case 7, 8, 9: return job(of: row, store)
        default:
            return .write(row.id, fence: fence, from: point, going: direction, change(row, direction))
        }
    }

    private mutating func accept(_ new: NewKey) -> Statement {
        var new = new
        drawn += 1
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1: new.first = .advance(to: "s0", entry: entry())
        case 2: new.first = .finish(entry: entry(), ModelAnswer(status: ModelAnswer.successStatus, body: "\(drawn)"))
        default: break
        }
        return .accept(new, by: holder())
    }

    private mutating func change(_ row: ModelKey, _ direction: Direction) -> Statement.Change {
        let to = Self.points.randomElement(using: &random) ?? "s0"
        let delay = Int.random(in: 0...5_000, using: &random) * 1_000
        let attempts = Int.random(in: 0...3, using: &random)
        drawn += 1
        let error = "error \(drawn)"
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: return .advance(to: to, entry: entry())
        case 2:
            let answer = ModelAnswer(status: ModelAnswer.successStatus, body: "\(drawn)")
            return .finish(entry: entry(), direction == .forward ? answer : nil)
        case 3: return .begin(to: to, attempts: attempts)
        case 4: return .rest(to: to, after: delay)
        case 5: return .reject(ModelAnswer(status: 409, body: "\(drawn)"), error: error)
        case 6: return .finishRejected(ModelAnswer(status: 409, body: "\(drawn)"), error: error)
        case 7: return .recordAttempt(attempts, error: error)
        case 8:
            return .release(
                after: delay, attempts: attempts, isInDoubt: chance(2), error: chance(2) ? error : nil)
        default:
            return chance(2)
                ? .park(.horizonPassed, isInDoubt: chance(2), error: error)
                : .release(after: 0, attempts: 1, isInDoubt: false, error: nil)
        }
    }

    /// The step, and what it returned.
    private func entry() -> String { "{\"step\":\"e\(drawn)\",\"output\":\(drawn)}" }

    private mutating func job(of row: ModelKey, _ store: ModelStore) -> Statement {
        let jobs = store.jobs.values.sorted { $0.id.uuidString < $1.id.uuidString }
        if jobs.count < 2 || chance(6) {
            drawn += 1
            let id = UUID()
            let origin = ModelJob.Origin(incarnation: row.context.incarnation, point: "s\(drawn)", position: drawn)
            return .stage(
                Statement.NewJob(
                    id: id, keyID: row.id, position: drawn, origin: origin, lane: chance(2) ? "job" : "other",
                    delay: chance(3) ? 1_000_000 : 0))
        }
        guard let job = jobs.randomElement(using: &random) else { return .claimJobs(limit: 1) }
        let fence = job.fence + (chance(4) ? 1 : 0)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return .acknowledge(chance(3) ? UUID() : job.id)
        case 1: return .retryJob(job.id, fence: fence, after: Int.random(in: 0...3, using: &random) * 1_000_000)
        case 2: return .bury(job.id, fence: fence)
        case 3: return .giveBackJob(job.id, fence: fence, attempt: job.attempts + (chance(4) ? 1 : 0))
        default: return .claimJobs(limit: Int.random(in: 1...3, using: &random))
        }
    }

    mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    private mutating func holder() -> String { Self.holders.randomElement(using: &random) ?? "a" }
}
