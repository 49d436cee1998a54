// Does not type-check: a saga has at least one step.
import Waymark

struct Stepless: Saga {
    static let name = "stepless"

    var body: some Step<Int, Int> {
    }
}
