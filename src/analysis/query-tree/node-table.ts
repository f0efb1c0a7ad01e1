/**
 * The fields of every node that PostgreSQL 15 to 18 print for a rewritten statement, in the order printed, read from live servers.
 * The reader demands exactly these; the visitor takes from the letters what a field means. Nodes that are not here are refused.
 * Source: design page tree, section 5; src/backend/nodes/outfuncs.c of each major.
 */

/**
 * A line: node, then its fields. No letter: an integer. Values: `b` bool, `w` bare word, `s` string, `p` position in the text,
 * `d` datum, `m` bitmap, `n` node or `<>`, `l` list or `<>`, `L` integers or `<>`, `N` a name in its parts. What they mean to the visitor: `f` function,
 * `o` operator, `O` operators, `t` a type whose code runs, `T` such types, `q` sequence; `r` a list that is resolved on use, not
 * visited. `[16+]`, `[15-16]`: only there.
 */
export const NODES = `
AGGREF aggfnoid:f aggtype aggcollid inputcollid aggtranstype aggargtypes:L aggdirectargs:l args:l aggorder:l aggdistinct:l aggfilter:n aggstar:b aggvariadic:b aggkind:w aggpresorted:b[16+] agglevelsup aggsplit aggno aggtransno location:p
ALIAS aliasname:s colnames:l
ARRAYCOERCEEXPR arg:n elemexpr:n resulttype resulttypmod resultcollid coerceformat location:p
ARRAYEXPR array_typeid array_collid element_typeid elements:l multidims:b list_start:p[18+] list_end:p[18+] location:p
BOOLEANTEST arg:n booltesttype location:p
BOOLEXPR boolop:w args:l location:p
CASEEXPR casetype casecollid arg:n args:l defresult:n location:p
CASETESTEXPR typeId typeMod collation
CASEWHEN expr:n result:n location:p
COALESCEEXPR coalescetype coalescecollid args:l location:p
COERCETODOMAIN arg:n resulttype:t resulttypmod resultcollid coercionformat location:p
COERCEVIAIO arg:n resulttype:t resultcollid coerceformat location:p
COLLATEEXPR arg:n collOid location:p
COMMONTABLEEXPR ctename:s aliascolnames:l ctematerialized ctequery:n search_clause:n cycle_clause:n location:p cterecursive:b cterefcount ctecolnames:l ctecoltypes:L ctecoltypmods:L ctecolcollations:L
CONST consttype:t consttypmod constcollid constlen constbyval:b constisnull:b location:p constvalue:d
CONVERTROWTYPEEXPR arg:n resulttype convertformat location:p
CREATEENUMSTMT[16+] typeName:N vals:l
CTECYCLECLAUSE cycle_col_list:l cycle_mark_column:s cycle_mark_value:n cycle_mark_default:n cycle_path_column:s location:p cycle_mark_type cycle_mark_typmod cycle_mark_collation cycle_mark_neop:o
CTESEARCHCLAUSE search_col_list:l search_breadth_first:b search_seq_column:s location:p
CURRENTOFEXPR cvarno cursor_name:s cursor_param
DISTINCTEXPR opno:o opfuncid:f opresulttype opretset:b opcollid inputcollid args:l location:p
FIELDSELECT arg:n fieldnum resulttype resulttypmod resultcollid
FIELDSTORE arg:n newvals:l fieldnums:L resulttype
FROMEXPR fromlist:l quals:n
FUNCEXPR funcid:f funcresulttype:t funcretset:b funcvariadic:b funcformat funccollid inputcollid args:l location:p
GROUPINGFUNC args:l refs:L cols:L agglevelsup location:p
GROUPINGSET kind content:l location:p
INFERENCEELEM expr:n infercollid inferopclass
JOINEXPR jointype isNatural:b larg:n rarg:n usingClause:l join_using_alias:n quals:n alias:n rtindex
JSONBEHAVIOR[17+] btype expr:n coerce:b location:p
JSONCONSTRUCTOREXPR[16+] type args:l func:n coercion:n returning:n absent_on_null:b unique:b location:p
JSONEXPR[17+] op column_name:s formatted_expr:n format:n path_spec:n returning:n passing_names:l passing_values:l on_empty:n on_error:n use_io_coercion:b use_json_coercion:b wrapper omit_quotes:b collation location:p
JSONFORMAT[16+] format_type encoding location:p
JSONISPREDICATE[16+] expr:n format:n item_type unique_keys:b location:p
JSONRETURNING[16+] format:n typid:t typmod
JSONTABLEPATH[17+] value:n name:s
JSONTABLEPATHSCAN[17+] path:n errorOnError:b child:n colMin colMax
JSONTABLESIBLINGJOIN[17+] lplan:n rplan:n
JSONVALUEEXPR[16+] raw_expr:n formatted_expr:n format:n
MERGEACTION matched:b[15-16] matchKind[17+] commandType override qual:n targetList:l updateColnos:L
MERGESUPPORTFUNC[17+] msftype msfcollid location:p
MINMAXEXPR minmaxtype:t minmaxcollid inputcollid op args:l location:p
NAMEDARGEXPR arg:n name:s argnumber location:p
NEXTVALUEEXPR seqid:q typeId
NOTIFYSTMT conditionname:s payload:s
NULLIFEXPR opno:o opfuncid:f opresulttype opretset:b opcollid inputcollid args:l location:p
NULLTEST arg:n nulltesttype argisrow:b location:p
ONCONFLICTEXPR action arbiterElems:l arbiterWhere:n constraint onConflictSet:l onConflictWhere:n exclRelIndex exclRelTlist:r
OPEXPR opno:o opfuncid:f opresulttype opretset:b opcollid inputcollid args:l location:p
PARAM paramkind paramid paramtype:t paramtypmod paramcollid location:p
RANGETBLFUNCTION funcexpr:n funccolcount funccolnames:l funccoltypes:T funccoltypmods:L funccolcollations:L funcparams:m
RANGETBLREF rtindex
RELABELTYPE arg:n resulttype resulttypmod resultcollid relabelformat location:p
RETURNINGEXPR[18+] retlevelsup retold:b retexpr:n
ROWCOMPAREEXPR rctype[15-17] cmptype[18+] opnos:O opfamilies:L inputcollids:L largs:l rargs:l
ROWEXPR args:l row_typeid row_format colnames:l location:p
ROWMARKCLAUSE rti strength waitPolicy pushedDown:b
RTEPERMISSIONINFO[16+] relid inh:b requiredPerms checkAsUser selectedCols:m insertedCols:m updatedCols:m
SCALARARRAYOPEXPR opno:o opfuncid:f hashfuncid:f negfuncid:f useOr:b inputcollid args:l location:p
SETOPERATIONSTMT op all:b larg:n rarg:n colTypes:L colTypmods:L colCollations:L groupClauses:l
SORTGROUPCLAUSE tleSortGroupRef eqop:o sortop:o reverse_sort:b[18+] nulls_first:b hashable:b
SQLVALUEFUNCTION op type typmod location:p
SUBLINK subLinkType subLinkId testexpr:n operName:l subselect:n location:p
SUBSCRIPTINGREF refcontainertype:t refelemtype refrestype reftypmod refcollid refupperindexpr:l reflowerindexpr:l refexpr:n refassgnexpr:n
TABLEFUNC functype[17+] ns_uris:l ns_names:l docexpr:n rowexpr:n colnames:l coltypes:T coltypmods:L colcollations:L colexprs:l coldefexprs:l colvalexprs:l[17+] passingvalexprs:l[17+] notnulls:m plan:n[17+] ordinalitycol location:p
TABLESAMPLECLAUSE tsmhandler:f args:l repeatable:n
TARGETENTRY expr:n resno resname:s ressortgroupref resorigtbl resorigcol resjunk:b
VAR varno varattno vartype vartypmod varcollid varnullingrels:m[16+] varlevelsup varreturningtype[18+] varnosyn varattnosyn location:p
WINDOWCLAUSE name:s refname:s partitionClause:l orderClause:l frameOptions startOffset:n endOffset:n runCondition:l[15-16] startInRangeFunc:f endInRangeFunc:f inRangeColl inRangeAsc:b inRangeNullsFirst:b winref copiedOrder:b
WINDOWFUNC winfnoid:f wintype wincollid inputcollid args:l aggfilter:n runCondition:l[17+] winref winstar:b winagg:b location:p
WITHCHECKOPTION kind relname:s polname:s qual:n cascaded:b
XMLEXPR op name:s named_args:l arg_names:l args:l xmloption indent:b[16+] type:t typmod location:p
`;

const QUERY_HEAD = `commandType querySource canSetTag:b utilityStmt:n resultRelation hasAggs:b hasWindowFuncs:b hasTargetSRFs:b hasSubLinks:b hasDistinctOn:b hasRecursive:b hasModifyingCTE:b hasForUpdate:b hasRowSecurity:b hasGroupRTE:b[18+] isReturn:b cteList:l rtable:l`;
const QUERY_REST = `override onConflict:n returningOldAlias:s[18+] returningNewAlias:s[18+] returningList:l groupClause:l groupDistinct:b groupingSets:l havingQual:n windowClause:l distinctClause:l sortClause:l limitOffset:n limitCount:n limitOption rowMarks:l setOperations:n constraintDeps:L withCheckOptions:l`;

/** QUERY moved its MERGE fields in 16: two lines. */
export const QUERIES = `
QUERY[15-15] ${QUERY_HEAD} jointree:n targetList:l ${QUERY_REST} mergeActionList:l mergeUseOuterJoin:b stmt_location:p stmt_len:p
QUERY[16+] ${QUERY_HEAD} rteperminfos:l jointree:n mergeActionList:l mergeUseOuterJoin:b[16-16] mergeTargetRelation[17+] mergeJoinCondition:n[17+] targetList:l ${QUERY_REST} stmt_location:p stmt_len:p
`;

/** The head of every range table entry: the middle is as its kind says. */
export const RTE_HEAD = "alias:n eref:n rtekind";

/** By rtekind. 7 (tuplestore: inside triggers only) and 8 (result: made by the planner) have no place in a statement's tree. */
export const RTE_MIDDLE: ReadonlyMap<number, string> = new Map([
  [0, "relid inh:b[17+] relkind:w rellockmode perminfoindex[17+] tablesample:n perminfoindex[16-16]"],
  [1, "subquery:n security_barrier:b relid[16+] inh:b[17+] relkind:w[16+] rellockmode[16+] perminfoindex[16+]"],
  [2, "jointype joinmergedcols joinaliasvars:r joinleftcols:L joinrightcols:L join_using_alias:n"],
  [3, "functions:l funcordinality:b"],
  [4, "tablefunc:n"],
  [5, "values_lists:l coltypes:L coltypmods:L colcollations:L"],
  [6, "ctename:s ctelevelsup self_reference:b coltypes:L coltypmods:L colcollations:L"],
  [9, "groupexprs:l[18+]"],
]);

export const RTE_TAIL =
  "lateral:b inh:b[15-16] inFromCl:b requiredPerms[15-15] checkAsUser[15-15] selectedCols:m[15-15] insertedCols:m[15-15] updatedCols:m[15-15] extraUpdatedCols:m[15-15] securityQuals:l";
