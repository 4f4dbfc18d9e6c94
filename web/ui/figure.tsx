/** A figure that stands for itself, under its name. Within a list of class `figures`. */
export function Figure({ name, value, detail }: { name: string; value: string; detail?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {detail !== undefined && <span className="small">{detail}</span>}
      </dd>
    </div>
  )
}
