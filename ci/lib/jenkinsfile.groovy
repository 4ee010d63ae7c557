// jenkinsfile.groovy FILE DIR: reads a declarative pipeline of Jenkins as Groovy, refuses what its syntax does not have where it
// stands, and runs it without Jenkins: steps are written down, and `muster` ends as each case says. DIR gets the scripts of its steps.
// The syntax is that of Jenkins' page "Pipeline Syntax", as far as docs/ci/Jenkinsfile uses it.

class Stop extends RuntimeException {
    Stop(String message) { super(message) }
}

class Wrong extends RuntimeException {
    Wrong(String message) { super(message) }
}

class Build {
    // What a block may have. A block of steps may have any step.
    static final ALLOWED = [
        ''         : ['pipeline'],
        pipeline   : ['agent', 'options', 'environment', 'stages', 'post', 'parameters', 'triggers', 'tools'],
        stages     : ['stage'],
        stage      : ['agent', 'environment', 'options', 'when', 'steps', 'stages', 'matrix', 'parallel', 'post'],
        matrix     : ['axes', 'excludes', 'agent', 'environment', 'options', 'when', 'stages', 'post'],
        axes       : ['axis'],
        axis       : ['name', 'values'],
        agent      : ['label', 'docker', 'node'],
        docker     : ['image', 'label', 'args'],
        options    : ['timeout', 'buildDiscarder', 'logRotator', 'skipDefaultCheckout', 'timestamps'],
        environment: [],
        post       : ['always', 'success', 'failure', 'unstable', 'cleanup'],
    ]
    static final STEPS = ['sh', 'echo', 'script', 'stash', 'unstash', 'archiveArtifacts', 'junit', 'catchError', 'error', 'unstable', 'deleteDir']
    static final OF_STEPS = ['steps', 'script', 'catchError', 'always', 'success', 'failure', 'unstable', 'cleanup']
    static final NEEDED = [pipeline: ['agent', 'stages'], matrix: ['axes', 'stages'], axis: ['name', 'values'], docker: ['image']]

    List<String> path = []
    List<Set<String>> seen = [[] as Set]
    Map<String, String> environment = [WORKSPACE_TMP: '/tmp/w']
    List<String> scripts = []
    List<String> stashes = []
    // How `muster run`, `merge` and `gate` end, in order.
    List<Integer> runs
    int merge
    int gate
    String result = 'SUCCESS'
    int started = 0

    void worse(String than) {
        def order = ['SUCCESS', 'UNSTABLE', 'FAILURE']
        if (order.indexOf(than) > order.indexOf(result)) { result = than }
    }

    void block(String name, Closure body) {
        path << name
        seen << ([] as Set)
        body.delegate = new Reader(build: this)
        body.resolveStrategy = Closure.DELEGATE_FIRST
        try {
            body.call()
        } finally {
            def had = seen.pop()
            path.pop()
            def lacking = (NEEDED[name] ?: []).findAll { !(it in had) }
            if (lacking) { throw new Wrong("${where()} ${name} has no ${lacking.join(', ')}") }
        }
    }

    String where() { path ? path.join('/') + ':' : 'the file:' }

    def called(String name, List arguments) {
        def inside = path ? path[-1] : ''
        def body = arguments && arguments[-1] instanceof Closure ? arguments[-1] : null
        def steps = inside in OF_STEPS
        if (!(name in (steps ? STEPS : ALLOWED[inside] ?: []))) { throw new Wrong("${where()} ${name} does not belong here") }
        seen[-1] << name
        if (steps) { return step(name, arguments, body) }
        if (name == 'matrix') { return matrix(body) }
        if (name == 'values') { axisValues = arguments; return null }
        if (name == 'name') { axisName = arguments[0]; return null }
        if (name == 'stage' && !(arguments[0] instanceof String)) { throw new Wrong("${where()} a stage has a name") }
        if (name == 'post') { later << [path.join('/'), body]; return null }
        if (name == 'stage') { return stage(body) }
        if (body) { block(name, body) }
        return null
    }

    List later = []
    List axisValues
    String axisName
    boolean stopped = false

    // A stage that failed by an error leaves out those after it; what is after it in `post` runs.
    void stage(Closure body) {
        if (stopped) { return }
        def mine = later
        later = []
        try {
            block('stage', body)
        } catch (Stop stop) {
            stopped = true
            worse('FAILURE')
        }
        def posts = later
        later = mine
        posts.each { at, post -> block('post', post) }
    }

    // Once for each value of the axis: the axes are read first.
    void matrix(Closure body) {
        def reading = new Axes(build: this)
        def copy = (Closure) body.clone()
        copy.delegate = reading
        copy.resolveStrategy = Closure.DELEGATE_FIRST
        copy.call()
        if (!axisName || !axisValues) { throw new Wrong("${where()} the matrix has no axis") }
        axisValues.each { value ->
            environment[axisName] = value
            block('matrix', (Closure) body.clone())
        }
        environment.remove(axisName)
    }

    def step(String name, List arguments, Closure body) {
        def map = arguments && arguments[0] instanceof Map ? arguments[0] : [:]
        switch (name) {
            case 'sh':
                def text = map.script ?: arguments[0]
                if (!(text instanceof String)) { throw new Wrong("${where()} sh: a script in single quotes, so that the shell reads variables") }
                scripts << text
                if (!map.returnStatus) { return null }
                if (text.startsWith('muster run')) { started++; return runs ? runs.remove(0) : 0 }
                if (text.startsWith('muster merge')) { return merge }
                if (text.startsWith('muster gate')) { return gate }
                throw new Wrong("${where()} a status of `${text}` is not known")
            case 'script': block('script', body); return null
            case 'catchError':
                try { block('catchError', body) } catch (Stop stop) { worse(map.buildResult ?: 'FAILURE') }
                return null
            case 'error': throw new Stop(arguments[0].toString())
            case 'unstable': worse('UNSTABLE'); return null
            case 'stash': stashes << map.name.toString(); return null
            case 'unstash':
                if (!(arguments[0].toString() in stashes)) { throw new Wrong("${where()} nothing was stashed as ${arguments[0]}") }
                return null
            default: return null
        }
    }
}

class Reader {
    Build build
    def methodMissing(String name, arguments) { build.called(name, arguments as List) }
    def propertyMissing(String name) {
        if (name in ['none', 'any'] && build.path[-1] in ['pipeline', 'stage', 'matrix']) { return name }
        if (build.environment.containsKey(name)) { return build.environment[name] }
        throw new Wrong("${build.where()} ${name} has no value")
    }
    void propertyMissing(String name, value) {
        if (build.path[-1] != 'environment') { throw new Wrong("${build.where()} ${name} is set outside environment") }
        build.environment[name] = value.toString()
    }
}

// Reads the axes of a matrix and passes over the rest of it.
class Axes {
    Build build
    def methodMissing(String name, arguments) {
        if (name == 'axes') { build.path << 'matrix'; build.block('axes', arguments[0]); build.path.pop() }
        return null
    }
    def propertyMissing(String name) { name }
}

Build run(String text, List<Integer> runs, int merge, int gate) {
    def build = new Build(runs: runs, merge: merge, gate: gate)
    def script = new GroovyShell().parse(text)
    def reader = new Reader(build: build)
    script.metaClass.methodMissing = { String name, arguments -> reader.methodMissing(name, arguments) }
    script.run()
    return build
}

def text = new File(args[0]).text
// How runs, the merge and the gate end; what the build is; how many runs there are.
def cases = [
    [[0, 0, 0, 0], 0, 0, 'SUCCESS', 4],
    [[0, 1, 0, 0], 1, 1, 'FAILURE', 4],
    [[0, 2, 0, 0], 2, 0, 'FAILURE', 4],
    [[3, 0, 0, 0, 0], 0, 0, 'SUCCESS', 5],
    [[3, 3, 0, 0, 0], 3, 0, 'FAILURE', 5],
    [[4, 0, 0, 0], 4, 0, 'UNSTABLE', 4],
    [[0, 0, 0, 0], 0, 1, 'FAILURE', 4],
    [[0, 0, 0, 0], 0, 3, 'FAILURE', 4],
    [[0, 0, 0, 0], 2, 0, 'FAILURE', 4],
]
try {
    cases.each { runs, merge, gate, wanted, count ->
        def build = run(text, runs.collect(), merge, gate)
        if (build.result != wanted || build.started != count) {
            throw new Wrong("runs that end with ${runs}, a merge with ${merge} and a gate with ${gate}: ${build.result} after ${build.started} runs, not ${wanted} after ${count}")
        }
    }
    // What is wrong must be found.
    [['  stages {', '  steps {'], ['values \'1\'', 'value \'1\''], ['agent none', ''], ['archiveArtifacts', 'archiveFiles'], ['unstash "shard-', 'unstash "part-']].each { from, to ->
        def other = text.replace(from, to)
        if (other == text) { throw new Wrong("${from} is not in the file") }
        def refused = false
        try { run(other, [0, 0, 0, 0], 0, 0) } catch (Wrong wrong) { refused = true }
        if (!refused) { throw new Wrong("`${from}` as `${to}` was not noticed") }
    }
} catch (Wrong wrong) {
    System.err.println("${args[0]}: ${wrong.message}")
    System.exit(1)
}
def scripts = run(text, [3, 0, 0, 0, 0], 0, 0).scripts.unique()
scripts.eachWithIndex { script, index -> new File(args[1], "${index}.sh").text = script + '\n' }
println "${args[0]}: ${cases.size()} cases, ${scripts.size()} scripts"
